/*
 * batch_parents.h
 *		Requests that may have the records of a few parents only.
 */
#ifndef BCD_BATCH_PARENTS_H
#define BCD_BATCH_PARENTS_H

#include "engine/engine.h"

/* The parents of the items of a request */
typedef struct BcdParents
{
	int64		ids[BCD_PAGE_LIMIT];
	int			n;
	int			most;			/* 0: any number, and none is noted */
	bool		records;		/* of elements: the records of the items */
} BcdParents;

extern bool bcd_add_parent(BcdParents *parents, const BcdItem *item);
extern void bcd_gather_by_parent(BcdLane *lane, BcdStage stage, int most);

#endif							/* BCD_BATCH_PARENTS_H */
