/*
 * source_items.c
 *		Makes items of all rows of a source, in the order of their keys.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "engine/claim.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/queue.h"
#include "engine/source_items.h"
#include "feed/key_list.h"

/*
 * Returns items for the next source rows, with their links; decide() makes a
 * decision for each.  Called in a claim: see BcdRunKind.
 */
List *
bcd_items_of_source(BcdRun *run, BcdLane *lane, MemoryContext cxt,
					void (*decide) (BcdLane *lane, BcdItem *item))
{
	List	   *items = NIL;
	int64		began = bcd_now_ms();
	int			n;

	if (lane->keys == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(lane->cxt);

		lane->keys = bcd_keylist_create(lane->feed);
		MemoryContextSwitchTo(old);
		run->progress.total += bcd_keylist_count(lane->keys);
	}
	for (n = 0; n < lane->claim_rows; n++)
	{
		char	   *key;
		MemoryContext old;
		BcdItem    *item;

		if (n > 0 && bcd_now_ms() - began > BCD_CLAIM_MAX_MS)
			break;
		key = bcd_keylist_next(lane->keys);
		if (key == NULL)
			break;
		item = bcd_item_create(lane, key);
		old = MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
		bcd_queue_link_of(lane, item);
		decide(lane, item);
	}
	return items;
}
