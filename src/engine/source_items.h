/*
 * source_items.h
 *		Makes items of all rows of a source, in the order of their keys.
 */
#ifndef BCD_SOURCE_ITEMS_H
#define BCD_SOURCE_ITEMS_H

#include "engine/engine.h"

extern List *bcd_items_of_source(BcdRun *run, BcdLane *lane, MemoryContext cxt, bool filter_only,
								 void (*decide) (BcdLane *lane, BcdItem *item));

extern void bcd_items_in_doubt_next(BcdLane *lane);

#endif							/* BCD_SOURCE_ITEMS_H */
