/*
 * push.c
 *		The run that sends pending rows to the store.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "base/guc.h"
#include "engine/another_writer.h"
#include "engine/adjust.h"
#include "engine/claim.h"
#include "engine/conflicts.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/guard.h"
#include "engine/item.h"
#include "engine/item_wants.h"
#include "engine/key_conflict.h"
#include "engine/keyed.h"
#include "engine/keyed_refused.h"
#include "engine/lane_held.h"
#include "engine/left_alone.h"
#include "engine/lost_create.h"
#include "engine/natural_key.h"
#include "engine/nested_ask.h"
#include "engine/parts.h"
#include "engine/queue.h"
#include "engine/replace.h"
#include "engine/reply_error.h"
#include "engine/sent_fields.h"
#include "engine/undo_arm.h"
#include "engine/undo_image.h"
#include "engine/unmapped_fields.h"
#include "engine/whole_records.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "feed/mapping_guard.h"
#include "feed/named.h"
#include "fold/fold.h"
#include "tables/link.h"
#include "tables/move.h"
#include "verbs/kinds.h"
#include "verbs/push_gone.h"

/* A feed is paused after this many consecutive rows that take too long */
#define OVERTIME_LIMIT	10

/*
 * Turns a difference into a decision. Rows that are gone wait until all other
 * rows have been looked up.
 */
static void
decide_difference(BcdItem *item, const BcdDifference *d)
{
	switch (d->need)
	{
		case BCD_NEEDS_NOTHING:
			if (item->wanted)
			{
				/* the link may know of fields that are no longer mapped */
				bcd_item_wants_tasks(item, NIL);
				break;
			}
			bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
			if (bcd_store_id_after(item) != 0)
				item->decision.error = (char *) d->reason;
			break;
		case BCD_NEEDS_REMOVAL:
		case BCD_NEEDS_HIDING:
			bcd_decide_stage(item, BCD_RECHECK);
			break;
		case BCD_NEEDS_WAITING:
			bcd_decide_done(item, BCD_DEFERRED, BCD_LINK_KEEP);
			item->decision.pending = BCD_PENDING_DEFER;
			item->decision.error = (char *) d->reason;
			break;
		case BCD_NEEDS_MENDING:
			if (d->exchanges)
				bcd_decide_stage(item, BCD_TURN);
			else
				bcd_decide_failed(item, BCD_INVALID, (char *) d->reason);
			break;
		case BCD_NEEDS_RECORD:
			bcd_item_wants_record(item);
			break;
		case BCD_NEEDS_UPDATE:
			bcd_item_wants_tasks(item, d->tasks);
			break;
		case BCD_NEEDS_READING:
			bcd_decide_stage(item, BCD_READ);
			break;
	}
}

/* The source row is gone; the feed determines what happens to its record. */
static void
decide_missing(BcdItem *item)
{
	const BcdRow gone = {BCD_ROW_MISSING};
	BcdItemRecord record = bcd_record_after(item);
	BcdDifference d;

	bcd_difference(item->lane->feed, item->key, &gone, record.store_id, record.known, &d);
	decide_difference(item, &d);
}

/* Many rows in succession that take too long are a problem of the feed. */
static void
check_time(BcdLane *lane, const BcdRow *row)
{
	if (row->error == NULL || row->error->sqlerrcode != BCD_ERRCODE_OVERTIME)
		lane->overtime = 0;
	else if (++lane->overtime >= OVERTIME_LIMIT)
		ereport(ERROR,
				(errcode(BCD_ERRCODE_OVERTIME),
				 errmsg("%d consecutive rows took longer than bcdelta.mapping_timeout, which is %d ms",
						OVERTIME_LIMIT, bcd_mapping_timeout)));
}

/*
 * Reads an item's row and decides what to do, in the transaction of the claim.
 */
static void
decide_claimed(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdFeed    *feed = item->lane->feed;
	BcdRow		row;
	BcdDifference d;

	bcd_feed_try_row(feed, item->key, &row);
	if (row.state == BCD_ROW_UNLISTED)
		bcd_named_check_row(feed, &row);
	if (row.state == BCD_ROW_HELD_UP)
	{
		bcd_decide_row_held_up(item, row.message);
		MemoryContextSwitchTo(old);
		return;
	}
	if (row.state == BCD_ROW_INVALID)
		check_time(item->lane, &row);
	else if (row.state == BCD_ROW_FOUND)
		item->lane->overtime = 0;
	if (row.state == BCD_ROW_FOUND && feed->options.modified)
		item->changed_at = row.modified;
	if (feed->adjusted && bcd_item_is_held(item, &row))
	{
		MemoryContextSwitchTo(old);
		return;
	}
	bcd_item_wants_row(item, &row);
	if (row.state == BCD_ROW_FOUND && feed->disputed)
		bcd_row_is_back(item);
	item->decision.waits_feed = row.waits_feed;
	item->decision.waits_key = row.waits_key;
	bcd_difference(feed, item->key, &row, item->store_id, item->known, &d);
	if (bcd_adjust_claimed(item, &d))
		;						/* read first */
	else if (d.need == BCD_NEEDS_UPDATE &&
			 (bcd_fate_is_unknown(item) || bcd_item_is_guarded(item, d.tasks)))
	{
		if (!bcd_guard_waits(item, d.tasks))
			bcd_decide_stage(item, BCD_READ);
	}
	else if (d.need == BCD_NEEDS_UPDATE && bcd_undo_reads_first(item, d.tasks))
	{
		bcd_decide_stage(item, BCD_READ);
		item->decision.looks = true;
	}
	else if ((row.state != BCD_ROW_MISSING && d.need != BCD_NEEDS_RECORD) || !bcd_look_for_lost_create(item))
		decide_difference(item, &d);
	MemoryContextSwitchTo(old);
}

/*
 * Links of rows whose keys have changed, under the old key or the new, are not
 * valid until they have moved, and they move only after the rows' claim has
 * ended. This is checked after the rows were read, so that every key change
 * that they show is found.
 */
static void
hold_back_moving(BcdLane *lane, List *items)
{
	int32		feed_id = lane->feed->feed_id;
	ListCell   *lc;

	if (!bcd_fold_now() || !bcd_moves_any(feed_id))
		return;
	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		if (item->decision.postponed || !bcd_moves_exist(feed_id, item->key))
			continue;
		if (item->decision.dropped)
		{
			bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);	/* marked when moved */
			continue;
		}
		memset(&item->decision, 0, sizeof(item->decision));
		item->moving = true;
		if (!bcd_look_for_lost_create(item))
			bcd_push_later(item);
	}
}

/* Claims ready rows, reads them, and decides what each of them needs. */
static List *
push_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	int64		limit = lane->claim_rows;
	int64		began = bcd_now_ms();
	List	   *items;
	ListCell   *lc;

	if (run->max_rows > 0)
		limit = Min(limit, run->max_rows - run->claimed);
	if (limit <= 0)
		return NIL;
	BCD_DEBUG_POINT("claiming");

	/*
	 * rows that are read here may refer to moved rows: ref() must find their
	 * links
	 */
	(void) bcd_fold_now();
	items = bcd_queue_select(lane, limit, cxt);
	bcd_tx_look_again();
	bcd_rows_expect(lane->feed, bcd_item_keys(items), false);
	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		if (item != linitial(items) &&
			(bcd_now_ms() - began > BCD_CLAIM_MAX_MS || bcd_lane_rests(lane)))
		{
			bcd_push_later(item);
			item->decision.postponed = true;
		}
		else
			decide_claimed(item);
	}
	if (items != NIL)
	{
		bcd_queue_take(items);
		hold_back_moving(lane, items);
	}
	return items;
}

/* Links the row to the record that was found for it. */
static void
adopt(BcdItem *item, int64 store_id, const cJSON *record)
{
	BcdItemRecord *after = bcd_decide_record(item);
	MemoryContext old;

	after->store_id = store_id;
	after->looked_up = true;
	if (bcd_takes_elements(item, store_id) || record == NULL)
	{
		bcd_decide_stage(item, BCD_READ);
		/* the refusal of its create is explained */
		if (item->refusal)
			item->decision.lookup_reason = BCD_REASON_RECORD_GONE;
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	after->known = bcd_without_edits(item, bcd_item_known_read(item, record), record);
	after->was = bcd_undo_seen(item, record);
	after->known = bcd_item_adopts(item, after->known);
	MemoryContextSwitchTo(old);
	/* a look-up does not show every collection */
	bcd_item_wants_write(item, false);
	bcd_put_values(item);
	if (item->decision.outcome == BCD_LINKED && bcd_found_own_create(item))
		item->decision.outcome = BCD_CREATED;
	else if (item->decision.outcome == BCD_LINKED)
		bcd_note_twin(item, record);
	item->decision.link = BCD_LINK_PUT;
}

/*
 * Returns whether a record belongs to a row, of any feed, that keeps it alive.
 */
static bool
is_others(const BcdFeed *feed, int64 store_id)
{
	return bcd_link_key(feed->name, store_id) || bcd_link_other_owner(feed->name, feed->resource, store_id);
}

/*
 * Handles the look-up of a record that the row may have created under a key
 * that it no longer has. If the record exists, it still belongs to this row,
 * or is removed with it, unless another row that now has the key found it
 * first.
 */
static void
push_lost_create(BcdItem *item, int64 store_id, const cJSON *record)
{
	if (store_id == 0 && bcd_awaits_record(item))
		return;
	if (store_id == 0 || is_others(item->lane->feed, store_id))
	{
		if (item->moving)
			bcd_push_later(item);
		else if (item->wanted)
			bcd_decide_lookup(item, BCD_REASON_RECORD);
		else
			bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
		item->decision.no_lost_create = true;
	}
	else if (item->moving)
	{
		bcd_decide_record(item)->store_id = store_id;
		bcd_push_later(item);
		item->decision.link = BCD_LINK_PUT;
	}
	else if (item->wanted)
	{
		adopt(item, store_id, record);
		bcd_decide_own_key(item);
	}
	else
	{
		bcd_decide_record(item)->store_id = store_id;
		decide_missing(item);

		/*
		 * A record that will be removed is not linked, so that a row which
		 * now has its key can still take it.
		 */
		if (item->lane->feed->on_delete != BCD_DELETE_DELETE)
			item->decision.link = BCD_LINK_PUT;
	}
}

static void
push_lookup(BcdItem *item, int64 store_id, const cJSON *record)
{
	switch (item->lookup_reason)
	{
		case BCD_REASON_LOST_CREATE:
			push_lost_create(item, store_id, record);
			break;
		case BCD_REASON_KEY_HOLDER:
			bcd_decide_key_holder(item, store_id, record);
			break;
		case BCD_REASON_NEXT_HOLDER:
			bcd_decide_next_holder(item, store_id);
			break;
		case BCD_REASON_RECORD:
		case BCD_REASON_RECORD_GONE:
			if (store_id != 0)
			{
				if (!bcd_record_is_taken(item, store_id))
					adopt(item, store_id, record);
			}
			else if (!bcd_awaits_record(item))
				bcd_decide_stage(item, BCD_TURN);
			break;
		case BCD_REASON_REFUSED_CREATE:
			if (store_id != 0)
			{
				if (!bcd_record_is_taken(item, store_id))
					adopt(item, store_id, record);
			}
			else if (!bcd_look_up_next_key(item) && !bcd_look_everywhere(item) && !bcd_awaits_twin(item, item->refusal))

				/*
				 * the row's own key is not the duplicate: another field's
				 * value is
				 */
				bcd_decide_refusal(item);
			break;
	}
}

static void
push_read(BcdItem *item, const cJSON *record)
{
	BcdItemRecord *after;
	MemoryContext old;

	if (bcd_is_keyed(item) && (item->wanted || item->refusal))
	{
		bcd_keyed_was_read(item, record);
		return;
	}
	if (record == NULL && bcd_is_keyed(item))
	{
		bcd_decide_removed(item);
		return;
	}
	if (record == NULL)
	{
		if (!(item->wanted == NULL && bcd_push_gone_unlisted(item)) && !bcd_gone_is_disputed(item))
			bcd_decide_gone(item);
		return;
	}
	if (item->wanted && !item->linked && bcd_record_is_taken(item, item->store_id))
		return;
	/* else its record gives something up, or has refused to be hidden */
	if (item->wanted == NULL && (item->body == NULL || (item->purpose == BCD_PURPOSE_ROW && item->refusal == NULL)))
	{
		bcd_push_gone_read(item, record);
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	after = bcd_decide_record(item);
	after->was = bcd_undo_seen(item, record);
	/* what the row needs is known already */
	if (!item->looks)
		after->known = bcd_without_edits(item, bcd_item_known_read(item, record), record);
	after->unsure = false;
	MemoryContextSwitchTo(old);
	if (item->refusal)
	{
		/* the record exists, so the update was refused for another reason */
		if (!bcd_look_for_holder(item))
			bcd_decide_refusal(item);
		return;
	}
	bcd_item_wants_write(item, !item->looks);
	bcd_put_values(item);
	bcd_nested_was_read(item, record);
	if (item->decision.outcome == BCD_UNCHANGED && (bcd_update_has_arrived(item) || bcd_has_part(item, BCD_UPDATED) || bcd_has_part(item, BCD_RETRY)))
		item->decision.outcome = BCD_UPDATED;
	else if (item->decision.outcome == BCD_UNCHANGED)
		bcd_note_twin(item, record);
	bcd_decide_link_read(item);
}

const BcdRunKind bcd_push_kind = {
	.name = "push",
	.claims = true,
	.writes = true,
	.results = true,
	.claim = push_claim,
	.decide_lookup = push_lookup,
	.decide_read = push_read,
	.decide_recheck = bcd_push_recheck,
};
