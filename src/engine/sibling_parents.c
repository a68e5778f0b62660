/*
 * sibling_parents.c
 *		The parents whose records are listed in one request.
 *
 * Such a list contains all records of the parents, even those that no item
 * needs, and may have several pages.  So it is for as few parents as possible:
 * all items of the queue that are below one of them are read together, wherever
 * they stand in it, since neighbors in the store need not be neighbors in the
 * source.
 */
#include "postgres.h"

#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/natural_key.h"
#include "engine/sibling_parents.h"
#include "engine/view.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Bytes of ids in a query string; the API documents no limit */
#define QUERY_BYTES		4000

/*
 * Returns the parent below which an item's record is looked for; 0: unknown.
 * A list of all records is that of a single parent, so to speak.
 */
int64
bcd_sibling_parent(const BcdItem *item, BcdStage stage)
{
	if (item->lane->feed->resource->parent == NULL)
		return 1;
	if (stage == BCD_LOOKUP)
		return bcd_payload_integer(bcd_identity(item), item->lane->feed->resource->parent);
	return bcd_item_parent(item);
}

/* Returns the place of a parent, or -1. */
static int
place_of(const BcdSiblingParents *parents, int64 id)
{
	int			i;

	/* rows with the same parent are mostly neighbors */
	for (i = parents->n - 1; i >= 0; i--)
		if (parents->id[i] == id)
			return i;
	return -1;
}

/* Bytes that an id takes in a query string, with a comma */
static int
bytes_of(int64 id)
{
	return snprintf(NULL, 0, INT64_FORMAT ",", id);
}

/*
 * May the nth item be in the same request as those before it?  Items of a batch
 * that was divided go in groups.
 */
static bool
may_join(const BcdItem *item, BcdStage stage, int batch, int group, int n)
{
	return Min(batch, item->group) == group && (group == batch || n < group) && bcd_sibling_parent(item, stage) != 0 &&
		!(stage == BCD_LOOKUP && bcd_is_sought_everywhere(item));
}

/* Counts the items of a queue by parent; returns whether any of them is left out. */
static bool
count(BcdGate *gate, BcdStage stage, int batch, int group, BcdSiblingParents *parents)
{
	bool		left_out = false;
	int			bytes = 0;
	int			n = 0;
	dlist_iter	iter;

	parents->n = 0;
	dlist_foreach(iter, &gate->queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		int64		id = bcd_sibling_parent(item, stage);
		int			i = place_of(parents, id);

		if (!may_join(item, stage, batch, group, n))
			return true;
		if (i < 0 && (parents->n == BCD_PAGE_LIMIT || bytes + bytes_of(id) > QUERY_BYTES))
		{
			left_out = true;
			continue;
		}
		if (i < 0)
		{
			bytes += bytes_of(id);
			i = parents->n++;
			parents->id[i] = id;
			parents->items[i] = 0;
		}
		parents->items[i]++;
		n++;
	}
	return left_out;
}

/* Moves the items of some parents to the head of their queue; returns their number. */
static int
gather(BcdGate *gate, BcdStage stage, int batch, int group, const BcdSiblingParents *parents)
{
	int			n = 0;
	dlist_head	chosen;
	dlist_mutable_iter iter;

	dlist_init(&chosen);
	dlist_foreach_modify(iter, &gate->queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (!may_join(item, stage, batch, group, n))
			break;
		if (place_of(parents, bcd_sibling_parent(item, stage)) < 0)
			continue;
		dlist_delete(&item->node);
		dlist_push_tail(&chosen, &item->node);
		n++;
	}
	while (!dlist_is_empty(&chosen))
	{
		dlist_node *last = dlist_tail_node(&chosen);

		dlist_delete(last);
		dlist_push_head(&gate->queue, last);
	}
	return n;
}

/*
 * Has a page probably room for the records of so many parents with so many
 * items?  At least for those of a tenth of its parents, if it has for the items.
 */
static bool
has_room(BcdStage stage, int batch, int parents, int items, double strangers)
{
	return items <= batch &&
		(parents <= (batch + 9) / 10 || (stage == BCD_READ ? items : 0) + parents * strangers <= batch);
}

/*
 * Chooses the parents of a new list, at least one and as many as there is
 * probably room for; their items go to the head of the queue.  strangers: so
 * many records of each are probably listed beside those of items that are read,
 * or that are looked up, at all.  Returns the number of items; 0: better wait for
 * more.
 */
int
bcd_parents_choose(BcdLane *lane, BcdStage stage, double strangers, BcdSiblingParents *parents)
{
	BcdGate    *gate = &lane->gates->gate[stage];
	int			batch = bcd_batch_limit(lane, stage);
	int			group = Min(batch, dlist_head_element(BcdItem, node, &gate->queue)->group);
	bool		waits = !lane->exhausted && !lane->gates->send_partial;
	bool		left_out;
	int			items = 0;
	int			i;

	/*
	 * the more items there are, the fewer have parents whose other items come
	 * later
	 */
	if (waits && (bcd_lane_has_room(lane) || gate->queued == gate->too_few))
		return 0;
	left_out = count(gate, stage, batch, group, parents);
	for (i = 0; i < parents->n && (i == 0 || has_room(stage, batch, i + 1, items + parents->items[i], strangers)); i++)
		items += parents->items[i];
	gate->too_few = i == parents->n && !left_out && waits ? gate->queued : 0;
	if (gate->too_few > 0)
		return 0;
	parents->n = i;
	return gather(gate, stage, batch, group, parents);
}
