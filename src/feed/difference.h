/*
 * difference.h
 *		Determines what a row needs so that the store agrees with it.
 */
#ifndef BCD_DIFFERENCE_H
#define BCD_DIFFERENCE_H

#include "feed/feed.h"
#include "payload/task.h"

typedef enum BcdNeed
{
	BCD_NEEDS_NOTHING,			/* the reason says why, unless it is obvious */
	BCD_NEEDS_RECORD,			/* to be found in the store, or created there */
	BCD_NEEDS_UPDATE,
	BCD_NEEDS_READING,			/* an update, but what it has to be is not
								 * known before the record is read */
	BCD_NEEDS_HIDING,			/* the row is gone */
	BCD_NEEDS_REMOVAL,
	BCD_NEEDS_WAITING,			/* for another row, see the reason */
	BCD_NEEDS_MENDING			/* it cannot be sent, see the reason */
} BcdNeed;

/* in the current memory context, like all it refers to */
typedef struct BcdDifference
{
	BcdNeed		need;
	List	   *tasks;			/* by which the store gets it (BcdTask) */
	const char *reason;
	bool		exchanges;		/* unless it can have another row's record */
} BcdDifference;

extern void bcd_difference(const BcdFeed *feed, const char *key, const BcdRow *row,
						   int64 store_id, Jsonb *known, BcdDifference *difference);
extern void bcd_feed_subject(const BcdFeed *feed, Jsonb *wanted, int64 store_id, Jsonb *known,
							 BcdTaskRow *row);
extern char *bcd_flaw_of_new(const BcdResource *resource, Jsonb *wanted);
extern char *bcd_flaw_of_key(const BcdResource *resource, Jsonb *wanted);

#endif							/* BCD_DIFFERENCE_H */
