/*
 * change_position.h
 *		Tracks how far a table of changes has been read, and which pages have
 *		to be read again.
 */
#ifndef BCD_CHANGE_POSITION_H
#define BCD_CHANGE_POSITION_H

#include "storage/block.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* A doubtful page remembers this many transactions */
#define BCD_MAX_XIDS	4

/*
 * A page waits for the end of any of these transactions. Without any, it is
 * read again each time.
 */
typedef struct BcdWait
{
	int			n;				/* BCD_MAX_XIDS + 1: too many */
	TransactionId xids[BCD_MAX_XIDS];
} BcdWait;

/* Pages to be read again */
typedef struct BcdDoubt
{
	BlockNumber first;
	BlockNumber last;
	BcdWait		wait;
} BcdDoubt;

/* One table of the ring: how far it has been read */
typedef struct BcdTape
{
	BlockNumber next;			/* earlier pages are closed or doubtful */
	int			ndoubts;
	int			maxdoubts;
	BcdDoubt   *doubts;			/* they do not overlap; in TopMemoryContext */

	/* while it is being read */
	Relation	relation;
	BlockNumber nblocks;
	bool		empty;			/* nothing was found in it */

	bool		removed;		/* something was found, in this transaction */
} BcdTape;

extern const BcdWait bcd_no_wait;

extern void bcd_forget_position(BcdTape *tape);
extern void bcd_wait_for(BcdWait *wait, TransactionId xid);
extern bool bcd_waits(const BcdWait *wait, Snapshot snapshot);
extern void bcd_add_doubt(BcdTape *tape, BlockNumber first, BlockNumber last, const BcdWait *wait);
extern void bcd_remove_doubt(BcdTape *tape, BlockNumber block);

#endif							/* BCD_CHANGE_POSITION_H */
