/*
 * sibling_parents.h
 *		The parents whose records are listed in one request.
 */
#ifndef BCD_SIBLING_PARENTS_H
#define BCD_SIBLING_PARENTS_H

#include "engine/engine.h"

/* The parents of some items, without duplicates */
typedef struct BcdSiblingParents
{
	int64		id[BCD_PAGE_LIMIT];
	int			items[BCD_PAGE_LIMIT];	/* of each, in the queue */
	int			n;
} BcdSiblingParents;

extern int64 bcd_sibling_parent(const BcdItem *item, BcdStage stage);
extern int	bcd_parents_choose(BcdLane *lane, BcdStage stage, double strangers, BcdSiblingParents *parents);

#endif							/* BCD_SIBLING_PARENTS_H */
