/*
 * drain.h
 *		Takes each change out of bcdelta.change exactly once.
 */
#ifndef BCD_DRAIN_H
#define BCD_DRAIN_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "storage/itemptr.h"

/* A change that has been read; key and moved_from may be NULL */
typedef struct BcdChange
{
	int			table;			/* of the ring, see change.h */
	ItemPointerData tid;
	int32		feed_id;
	char		op;
	char	   *key;
	char	   *moved_from;
	int64		move_id;
	TimestampTz changed_at;
	bool		told;			/* what follows is known */
	int32		dependency_id;	/* 0: the feed's source */
	char	   *by_role;		/* NULL: not known */
	char	   *application;
	bool		counted;		/* removed, and not marked by hand */
} BcdChange;

/* Changes that have been read but not removed, in one transaction */
typedef struct BcdDrain
{
	int			nchanges;
	int			maxchanges;
	BcdChange  *changes;
	bool		complete;		/* every committed change is here or was taken
								 * earlier */
} BcdDrain;

typedef enum BcdRemoval
{
	BCD_REMOVED,
	BCD_LEFT,
	BCD_GONE
} BcdRemoval;

extern BcdDrain *bcd_drain_read(long max_rows);
extern BcdRemoval bcd_drain_remove(BcdDrain *drain, int i);
extern void bcd_drain_leave(BcdDrain *drain, int i);
extern void bcd_drain_end(BcdDrain *drain);

#endif							/* BCD_DRAIN_H */
