/*
 * replace.c
 *		Rows whose records cannot follow them.
 *
 * Where a field that places a record has changed (payload/place.c), the row
 * needs another record. The one that it has is removed first, so that rows
 * which exchange their places find them free; then the row is one without a
 * record. What a link does not know of the place is read before that; and so is
 * the parent of a record whose row is gone, if it is removed below that.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "engine/natural_key.h"
#include "engine/item.h"
#include "engine/replace.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "payload/place.h"
#include "payload/task.h"
#include "tables/link.h"

/* The row has no record any more, and gets another one. */
static void
decide_new(BcdItem *item)
{
	BcdItemRecord *record = bcd_decide_record(item);

	record->known = record->remembered = record->sent = NULL;
	record->store_id = 0;
	record->looked_up = record->linked = false;
	bcd_decide_find(item);
	item->decision.link = BCD_LINK_REMOVE;
}

/*
 * Decides about an item with this record and these tasks, if its record has to be
 * another one, or that is not known. False, and nothing is decided: it has not.
 */
bool
bcd_item_is_replaced(BcdItem *item, const BcdItemRecord *record, List *tasks)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdTask *first = tasks ? linitial(tasks) : NULL;

	if (first == NULL || item->wanted == NULL || feed->resource->id == NULL || record->store_id == 0)
		return false;
	if (first->action != &feed->resource->facets->remove)
	{
		if (record->looked_up || !bcd_place_is_unknown(feed->resource, item->wanted, record->known))
			return false;
		bcd_decide_stage(item, BCD_READ);
	}
	else if (bcd_link_other_owner(feed->name, feed->resource, record->store_id) || bcd_went_with_parent(item))
		decide_new(item);		/* another feed's row keeps it, or it is gone */
	else
	{
		bcd_decide_stage(item, BCD_REMOVE);
		item->decision.gone_id = record->store_id;
	}
	return true;
}

/*
 * A record is not in the store any more, for it was to be removed. Its row is
 * gone, or gets another one.
 */
void
bcd_decide_after_removal(BcdItem *item)
{
	int64		id = item->store_id;

	if (item->wanted == NULL || bcd_is_keyed(item))
	{
		bcd_decide_removed(item);
		return;
	}
	decide_new(item);
	if (item->decision.leaves)
		return;
	item->decision.outcome = BCD_DELETED;
	item->decision.error = MemoryContextStrdup(item->cxt, psprintf("record " INT64_FORMAT " was removed: the row needs another one", id));
}

/* Is a record deleted below its parent, which is not known? */
bool
bcd_item_is_out_of_reach(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;

	return r->parent && bcd_item_parent(item) == 0 &&
		strstr(r->facets->remove.endpoint->path, psprintf("{%s}", r->parent)) != NULL;
}

/*
 * A record that is deleted below its parent was read to find that. Decides that
 * it is deleted.
 */
void
bcd_decide_within_reach(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old;
	int64		parent;

	if (!bcd_json_field_int64(record, r->parent, &parent) || parent <= 0)
	{
		bcd_decide_failed(item, BCD_FAILED,
						  MemoryContextStrdup(item->cxt,
											  psprintf("the source row is gone, but record " INT64_FORMAT " cannot be deleted, because the store does not tell its %s",
													   item->store_id, r->parent)));
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	bcd_decide_record(item)->known = bcd_payload_set_integer(item->known, r->parent, parent);
	MemoryContextSwitchTo(old);
	bcd_decide_stage(item, BCD_REMOVE);
	item->decision.gone_id = item->store_id;
}
