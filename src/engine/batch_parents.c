/*
 * batch_parents.c
 *		Requests that may have the records of a few parents only.
 *
 * The values of attributes, for example, are written for ten customers at a
 * time, with as many values of each as there are.  So items of the same parents
 * are brought together.
 */
#include "postgres.h"

#include "engine/batch_parents.h"
#include "engine/engine.h"
#include "engine/item.h"

/* Adds an item's parent; returns false if that would be one too many. */
bool
bcd_add_parent(BcdParents *parents, const BcdItem *item)
{
	int64		id = parents->most == 0 ? 0 : parents->records ? item->store_id : bcd_item_parent(item);
	int			i;

	if (parents->most == 0)
		return true;
	for (i = 0; i < parents->n; i++)
		if (parents->ids[i] == id)
			return true;
	if (parents->n == Min(parents->most, lengthof(parents->ids)))
		return false;
	parents->ids[parents->n++] = id;
	return true;
}

/* Moves items of the parents that come first in a queue to its head. */
void
bcd_gather_by_parent(BcdLane *lane, BcdStage stage, int most)
{
	dlist_head *queue = &lane->gates->gate[stage].queue;
	BcdParents	parents = {.most = most,.records = lane->gates->gate[stage].collection};
	dlist_head	rest;
	dlist_mutable_iter iter;

	dlist_init(&rest);
	dlist_foreach_modify(iter, queue)
	{
		if (bcd_add_parent(&parents, dlist_container(BcdItem, node, iter.cur)))
			continue;
		dlist_delete(iter.cur);
		dlist_push_tail(&rest, iter.cur);
	}
	while (!dlist_is_empty(&rest))
		dlist_push_tail(queue, dlist_pop_head_node(&rest));
}
