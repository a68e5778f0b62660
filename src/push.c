/*
 * push.c
 *		The run that brings pending rows to the store.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "db.h"
#include "engine.h"
#include "fold.h"
#include "payload.h"
#include "queue.h"

/* A row that finds a record which is about to go comes back so much later */
#define RECORD_GOES_MS	1000

/* The item goes back to the queue: it is not the time for it. */
static void
decide_later(BcdItem *item)
{
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY;
}

/* The source row is gone.  What that means is seen when all others are found. */
static void
decide_missing(BcdLane *lane, BcdItem *item)
{
	const BcdFeed *feed = lane->feed;
	const char *hidden_by = feed->resource->hidden_by;
	char	   *shown = hidden_by ? bcd_payload_text(item->known, hidden_by) : NULL;

	if (item->store_id == 0)
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
	else if (feed->on_delete == BCD_DELETE_DELETE)
		bcd_decide_stage(item, BCD_RECHECK);
	else if (feed->on_delete == BCD_DELETE_HIDE && hidden_by)
	{
		if (shown && strcmp(shown, "false") == 0)
			bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
		else
			bcd_decide_stage(item, BCD_RECHECK);
	}
	else
	{
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
		item->decision.error = "the source row is gone; on_delete is ignore";
	}
}

/*
 * The rows that are there have been looked up by now.  Is the record still
 * the missing row's own?  Not if a new row has its natural key, or if the row
 * has only got another key.
 */
static void
push_recheck(BcdLane *lane, BcdItem *item)
{
	const BcdFeed *feed = lane->feed;
	char	   *owner;
	JsonbValue	no;

	bcd_feed_lock(feed);
	if (bcd_feed_exists(lane->feed, item->key) || bcd_fold_is_moving(feed->feed_id, item->key))
	{
		decide_later(item);
		return;
	}
	owner = bcd_queue_linked_key(feed->name, item->store_id);
	if (owner == NULL || strcmp(owner, item->key) != 0)
	{
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
		item->decision.error = MemoryContextStrdup(item->cxt,
												   owner ? psprintf("the source row is gone; its record is now that of row %s", owner) :
												   "the source row is gone, and so is its link");
	}
	else if (feed->on_delete == BCD_DELETE_DELETE)
		bcd_decide_stage(item, BCD_REMOVE);
	else
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		no.type = jbvBool;
		no.val.boolean = false;
		item->body = bcd_payload_set(NULL, feed->resource->hidden_by, &no);
		MemoryContextSwitchTo(old);
		bcd_decide_stage(item, BCD_UPDATE);
		item->decision.link = BCD_LINK_HIDING;
	}
}

/* The row refers to itself: no order of pushes would ever satisfy it. */
static bool
refers_to_itself(BcdLane *lane, BcdItem *item, const BcdRow *row)
{
	const char *scope = lane->feed->resource->scope;

	if (row->state == BCD_ROW_DEFERRED)
		return strcmp(row->waits_feed, lane->feed->name) == 0 &&
			strcmp(row->waits_key, item->key) == 0;
	return row->state == BCD_ROW_FOUND && scope && item->store_id != 0 &&
		bcd_payload_integer(row->payload, scope) == item->store_id;
}

/* The row is there: what does the store need? */
static void
decide_found(BcdLane *lane, BcdItem *item)
{
	if (item->store_id != 0)
		bcd_item_wants_write(lane, item);
	else if (bcd_fold_is_moving(lane->feed->feed_id, item->key))
		decide_later(item);		/* its link is under another key */
	else
		bcd_item_wants_record(lane, item);
}

/*
 * Reads an item's row and decides what is to be done; in the claim's
 * transaction.
 */
static void
decide_claimed(BcdLane *lane, BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdRow		row;

	bcd_feed_row(lane->feed, item->key, &row);
	if (refers_to_itself(lane, item, &row))
		bcd_decide_failed(item, BCD_INVALID, "the row refers to itself");
	else if (row.state == BCD_ROW_MISSING)
		decide_missing(lane, item);
	else if (row.state == BCD_ROW_INVALID)
		bcd_decide_failed(item, BCD_INVALID, row.message);
	else if (row.state == BCD_ROW_DEFERRED)
	{
		item->waits_feed = row.waits_feed;
		item->waits_key = row.waits_key;
		bcd_decide_done(item, BCD_DEFERRED, BCD_LINK_KEEP);
		item->decision.pending = BCD_PENDING_DEFER;
		item->decision.error = psprintf("waits for row %s of feed \"%s\" to be in the store",
										row.waits_key, row.waits_feed);
	}
	else
	{
		item->wanted = row.payload;
		decide_found(lane, item);
	}
	MemoryContextSwitchTo(old);
}

/* Claims ready rows, reads them, and decides what each of them needs. */
static List *
push_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	int64		limit = lane->claim_rows;
	List	   *items;
	ListCell   *lc;

	if (run->max_rows > 0)
		limit = Min(limit, run->max_rows - run->claimed);
	if (limit <= 0)
		return NIL;
	items = bcd_queue_claim(lane, limit, cxt);
	foreach(lc, items)
		decide_claimed(lane, lfirst(lc));
	return items;
}

/*
 * Another row may be linked to the record that this row's key names.  If that
 * row is gone from the source, the record is this row's now (its key was
 * changed, or it was deleted and entered again).
 */
static bool
taken(BcdLane *lane, BcdItem *item, int64 store_id)
{
	char	   *other = bcd_queue_linked_key(lane->feed->name, store_id);
	BcdRow		row;

	if (other == NULL || strcmp(other, item->key) == 0)
		return false;
	bcd_feed_lock(lane->feed);
	bcd_feed_row(lane->feed, other, &row);
	if (row.state == BCD_ROW_MISSING && lane->rechecked > 0)
	{
		/* it may be about to be removed */
		bcd_decide_wait(item, RECORD_GOES_MS, "the record is that of a row which was deleted");
		return true;
	}
	if (row.state == BCD_ROW_MISSING)
		return false;
	bcd_decide_taken(lane, item, store_id, other);
	return true;
}

static void
push_lookup(BcdLane *lane, BcdItem *item, int64 store_id, const cJSON *record)
{
	MemoryContext old;

	if (store_id == 0)
	{
		if (item->refusal)
		{
			/* not by this row's key: the duplicate is another record's */
			bcd_decide_refused(lane, item, item->refusal);
			item->decision.status = item->refusal_status;
		}
		else
			bcd_decide_stage(item, BCD_CREATE);
		return;
	}
	if (taken(lane, item, store_id))
		return;
	item->store_id = store_id;
	item->looked_up = true;
	if (record == NULL)
	{
		bcd_decide_stage(item, BCD_READ);
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	item->known = bcd_payload_agreeing(lane->feed->resource, item->wanted, record);
	MemoryContextSwitchTo(old);
	bcd_item_wants_write(lane, item);
	/* found: from now on the record is this row's */
	item->decision.link = BCD_LINK_PUT;
}

static void
push_read(BcdLane *lane, BcdItem *item, const cJSON *record)
{
	MemoryContext old;

	if (record == NULL)
	{
		bcd_decide_gone(lane, item);
		return;
	}
	if (item->refusal)
	{
		/* it is there: that is not why its update was refused */
		bcd_decide_refused(lane, item, item->refusal);
		item->decision.status = item->refusal_status;
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	item->known = bcd_payload_agreeing(lane->feed->resource, item->wanted, record);
	MemoryContextSwitchTo(old);
	bcd_item_wants_write(lane, item);
	/* found: from now on the record is this row's */
	item->decision.link = BCD_LINK_PUT;
}

const BcdRunKind bcd_push_kind = {
	.name = "push",
	.claims = true,
	.results = true,
	.claim = push_claim,
	.decide_lookup = push_lookup,
	.decide_read = push_read,
	.decide_recheck = push_recheck,
};
