/*
 * directory.h
 *		Reads the store's lists that rows need to find ids by names.
 */
#ifndef BCD_DIRECTORY_H
#define BCD_DIRECTORY_H

#include "engine/engine.h"

/* Must a list be read before rows of a lane can be claimed? */
static inline bool
bcd_directory_asks(const BcdLane *lane)
{
	return !lane->stopped && lane->lists.wanted != 0;
}

/* The lane has written a record, which may be in a list that was read. */
static inline void
bcd_directory_changed(const BcdLane *lane)
{
	const BcdNameList *list = bcd_names_find(lane->feed->resource->name);

	if (list)
		lane->run->lists.changed |= bcd_names_bit(list);
}

/*
 * Called when a run moves on to the next lane: forgets the lists that it has
 * changed.  Not earlier, or each claim of a feed that names its own records
 * would read their list.
 */
static inline void
bcd_directory_refresh(BcdRun *run)
{
	run->lists.read &= ~run->lists.changed;
	run->lists.changed = 0;
}

extern BcdJob *bcd_plan_directory(BcdLane *lane);

#endif							/* BCD_DIRECTORY_H */
