/*
 * link.c
 *		The run that links source rows to records of the first load.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "engine/link_base.h"
#include "engine/natural_key.h"
#include "engine/source_items.h"
#include "engine/unmapped_fields.h"
#include "feed/feed.h"
#include "feed/key_list.h"
#include "payload/address.h"
#include "payload/counted.h"
#include "resource/resource.h"
#include "tables/discrepancy.h"
#include "tables/link.h"
#include "verbs/kinds.h"

/* lane->phase: in AGAIN, rows that refer to unlinked rows get another turn */
enum
{
	AGAIN,
	LAST						/* no further turns: rows still unlinked are
								 * reported */
};

/*
 * Reads a row with the feed's whole mapping, to see how the record differs. If
 * this does not yield a payload, reads its natural key only.
 */
static void
read_row(BcdLane *lane, BcdItem *item, BcdRow *row)
{
	MemoryContext old;
	BcdRow		identity;

	bcd_feed_row(lane->feed, item->key, row);
	if (row->state != BCD_ROW_DEFERRED && row->state != BCD_ROW_INVALID)
		return;
	if (lane->identity == NULL)
	{
		old = MemoryContextSwitchTo(lane->cxt);
		lane->identity = bcd_feed_identity(lane->feed);
		MemoryContextSwitchTo(old);
	}
	bcd_feed_row(lane->identity, item->key, &identity);
	if (identity.state == BCD_ROW_FOUND || identity.state == BCD_ROW_DEFERRED)
		*row = identity;
}

/* The natural key refers to a row that is not linked yet, but may be soon. */
static void
decide_deferred(BcdLane *lane, BcdItem *item, const BcdRow *row)
{
	if (lane->phase == LAST)
	{
		bcd_decide_done(item, BCD_DEFERRED, BCD_LINK_KEEP);
		item->decision.error = psprintf("waits for row %s of feed \"%s\" to be linked",
										row->waits_key, row->waits_feed);
		return;
	}
	bcd_keylist_put_back(lane->keys, item->key);
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY; /* not finished: it gets
												 * another turn */
}

/* A record without an id is not looked up, but read: the row has its address. */
static void
decide_keyed(BcdItem *item)
{
	char	   *flaw = bcd_address_flaw(item->lane->feed->resource, item->wanted);

	if (flaw)
		bcd_decide_failed(item, BCD_INVALID, flaw);
	else
		bcd_decide_stage(item, BCD_READ);
}

/* Decides what to do with a source row: nothing if it is linked. */
static void
decide_row(BcdLane *lane, BcdItem *item)
{
	MemoryContext old;
	BcdRow		row;

	if (item->linked)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	read_row(lane, item, &row);
	item->wanted = row.payload;
	switch (row.state)
	{
		case BCD_ROW_FOUND:
			if (bcd_is_keyed(item))
				decide_keyed(item);
			else
				bcd_decide_lookup(item, BCD_REASON_RECORD);
			break;
		case BCD_ROW_MISSING:
			bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
			break;
		case BCD_ROW_DEFERRED:
			decide_deferred(lane, item, &row);
			break;
		case BCD_ROW_INVALID:
			bcd_decide_failed(item, BCD_INVALID, row.message);
			break;
		case BCD_ROW_HELD_UP:	/* an error was raised */
		case BCD_ROW_UNLISTED:
			break;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Claims the next source rows. Rows of a feed that refers to itself
 * (categories) are tried again as long as this leads to further links.
 */
static List *
link_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	return bcd_items_of_source(run, lane, cxt, false, decide_row);
}

static void
link_lookup(BcdItem *item, int64 store_id, const cJSON *record)
{
	BcdLane    *lane = item->lane;
	BcdDiscrepancy missing = {.key = item->key,.kind = "missing_in_store"};
	char	   *other;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (store_id == 0)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		missing.field = bcd_resource_key(lane->feed->resource, item->natural_index);
		missing.source_value = missing.natural_key = item->natural;
		bcd_discrepancy_insert(lane->run->run_id, lane->feed->name, &missing);
		item->decision.conflicts = 1;
	}
	else if ((other = bcd_link_key(lane->feed->name, store_id)) != NULL &&
			 strcmp(other, item->key) != 0)
		bcd_decide_taken(item, store_id, other);
	else
	{
		bcd_decide_record(item)->store_id = store_id;
		if (record == NULL)
			bcd_decide_stage(item, BCD_READ);
		else
		{
			bcd_decide_record(item)->known = bcd_link_base(item, bcd_item_known_read(item, record), record);
			bcd_decide_done(item, BCD_LINKED, BCD_LINK_PUT);
		}
	}
	MemoryContextSwitchTo(old);
}

/* Links a row to the record that was read at its address (NULL: there is none). */
static void
link_at_address(BcdItem *item, const cJSON *record)
{
	BcdLane    *lane = item->lane;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *address = bcd_item_address(item);
	char	   *other = bcd_keyed_owner(item);
	BcdDiscrepancy missing = {.key = item->key,.kind = "missing_in_store"};

	if (record == NULL)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		missing.address = missing.natural_key = address;
		bcd_discrepancy_insert(lane->run->run_id, lane->feed->name, &missing);
		item->decision.conflicts = 1;
	}
	else if (other)
		bcd_decide_failed(item, BCD_FAILED, psprintf("the %s at address \"%s\" belongs to source row %s",
													 lane->feed->resource->name, address, other));
	else
	{
		bcd_decide_record(item)->known = bcd_with_counted(lane->feed->resource, lane->feed->options_json,
														  bcd_link_base(item, bcd_item_known_read(item, record), record), NULL);
		bcd_decide_done(item, BCD_LINKED, BCD_LINK_PUT);
	}
	MemoryContextSwitchTo(old);
}

static void
link_read(BcdItem *item, const cJSON *record)
{
	if (bcd_is_keyed(item))
	{
		link_at_address(item, record);
		return;
	}
	link_lookup(item, record ? item->store_id : 0, record);
}

/*
 * Rows whose natural key refers to a row of the same feed get another turn as
 * long as some of them were linked, and then a last one, which reports them.
 */
static bool
link_lane_done(BcdRun *run, BcdLane *lane)
{
	if (lane->keys == NULL || !bcd_keylist_has_back(lane->keys))
		return false;
	if (lane->outcomes[BCD_LINKED] == 0)
		lane->phase = LAST;
	lane->outcomes[BCD_LINKED] = 0;
	bcd_keylist_again(lane->keys);
	return true;
}

const BcdRunKind bcd_link_kind = {
	.name = "link",
	.results = true,
	.claim = link_claim,
	.decide_lookup = link_lookup,
	.decide_read = link_read,
	.lane_done = link_lane_done,
};
