/*
 * verify.c
 *		The run that compares source and store without writing to either.
 *
 * In full mode, every source row is compared with its record, field by field,
 * and links whose rows are gone are listed. The same is done for single rows
 * that were given by their keys or by a condition. If the store has more records than
 * were compared, its list is read to name them. Rows with unpushed changes are
 * not compared, because they are known to differ.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/queue.h"
#include "engine/reply_error.h"
#include "engine/source_items.h"
#include "engine/unmapped_fields.h"
#include "engine/view.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "verbs/kinds.h"
#include "verbs/verify_adjusted.h"
#include "verbs/verify_changed.h"
#include "verbs/verify_level.h"
#include "verbs/verify_list.h"
#include "verbs/verify_proof.h"
#include "verbs/verify_record.h"

/* Number of links whose keys are summed in one claim: they take some 10 ms */
#define SUMMED_AT_ONCE	10000

/* In count mode, counts a source row if the feed's filter accepts it. */
static void
count_row(BcdLane *lane, BcdItem *item)
{
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.seen = bcd_feed_exists(lane->feed, item->key);
}

/* Checks the record of a row that is gone: there is none, or it is hidden. */
static void
decide_gone(BcdLane *lane, BcdItem *item)
{
	const BcdFeed *feed = lane->feed;

	if (feed->on_delete == BCD_DELETE_HIDE && feed->resource->hidden_by)
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		item->gone = true;
		item->wanted = bcd_payload_set_bool(NULL, feed->resource->hidden_by, feed->resource->hidden_when);
		bcd_decide_stage(item, BCD_READ);
		MemoryContextSwitchTo(old);
	}
	else
		bcd_verify_missing(lane, item, "missing_in_source", NULL);
}

/* A row that was asked for by its key does not exist. */
static void
tell_unknown(BcdRun *run, const BcdItem *item)
{
	if (run->warning == NULL)
		run->warning = MemoryContextStrdup(run->cxt,
										   psprintf("row %s of feed \"%s\" is neither in the source nor linked to a record; there may be others",
													item->key, item->lane->feed->name));
}

/*
 * Is this the only look at a row?  In full mode, links are looked at once more
 * after all rows.
 */
static bool
is_only_look(const BcdLane *lane)
{
	return lane->phase == AGAIN || lane->run->only != NULL || bcd_verify_is(lane->run, "sample");
}

/* Reads the record of a source row, or reports that it has none. */
static void
decide_row(BcdLane *lane, BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdRow		row;
	char	   *text;

	bcd_feed_row(lane->feed, item->key, &row);
	if (lane->phase == ROWS && item->linked && row.state != BCD_ROW_MISSING)
		bcd_keysum_add(&lane->verify->rows, item->key);
	item->wanted = row.payload;
	if (bcd_verify_is(lane->run, "adjusted"))
		bcd_verify_wants_value(item);
	else if (row.state == BCD_ROW_MISSING && item->linked && is_only_look(lane))
		decide_gone(lane, item);
	else if (row.state == BCD_ROW_MISSING)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		if (bcd_verify_is(lane->run, "keys") && lane->phase == ROWS)
			tell_unknown(lane->run, item);
	}
	else if (row.state == BCD_ROW_DEFERRED && item->linked)
		bcd_verify_missing(lane, item, "different",
						   psprintf("refers to row %s of feed \"%s\", which is not in the store",
									row.waits_key, row.waits_feed));
	else if (row.state == BCD_ROW_INVALID)
		bcd_verify_missing(lane, item, item->linked ? "different" : "missing_in_store", row.message);
	else if (!item->linked)
		bcd_verify_missing(lane, item, "missing_in_store", NULL);
	else if ((text = bcd_keyed_moves(item)) != NULL)
		bcd_verify_missing(lane, item, "different", text);
	else
		bcd_decide_stage(item, BCD_READ);
	MemoryContextSwitchTo(old);
}

/* Checks a link: its source row must exist, or its record must be hidden. */
static void
decide_link(BcdLane *lane, BcdItem *item)
{
	if (bcd_feed_exists(lane->feed, item->key))
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	else if (bcd_verify_is(lane->run, "count"))
	{
		/* the record is hidden, but it counts */
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.seen = true;
	}
	else
		decide_gone(lane, item);
}

static List *
next_sample(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	List	   *items;
	ListCell   *lc;

	if (lane->after > 0)
		return NIL;
	lane->after = 1;
	items = bcd_queue_links(lane, true, run->sample, cxt);
	run->progress.total += list_length(items);
	bcd_rows_expect(lane->feed, bcd_item_keys(items), false);
	foreach(lc, items)
		decide_row(lane, lfirst(lc));
	return items;
}

/*
 * Are the links of the feed exactly those of the rows that were found?  Sets
 * lane->unseen if that has to be continued in another claim.
 *
 * If a claim failed, its rows have been counted twice: then each link is looked
 * at.
 */
static bool
all_have_rows(BcdLane *lane)
{
	BcdVerify  *v = lane->verify;
	char	   *last;

	lane->unseen = false;
	if (!v->summed)
	{
		last = bcd_links_sum(lane->feed->name, v->summed_to, SUMMED_AT_ONCE, &v->links);
		v->summed_to = last ? MemoryContextStrdup(lane->cxt, last) : NULL;
		v->summed = last == NULL;
		lane->unseen = !v->summed;
	}
	return v->summed && bcd_keysum_same(&v->rows, &v->links);
}

static List *
next_links(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	List	   *items;
	ListCell   *lc;

	if (bcd_verify_is_full(lane) && (all_have_rows(lane) || lane->unseen))
		return NIL;
	items = bcd_queue_links(lane, false, lane->claim_rows, cxt);
	bcd_rows_expect(lane->feed, bcd_item_keys(items), true);
	foreach(lc, items)
		decide_link(lane, lfirst(lc));
	return items;
}

static List *
verify_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	if (lane->verify == NULL)
	{
		lane->verify = MemoryContextAllocZero(lane->cxt, sizeof(BcdVerify));
		lane->verify->calls_before = run->counts.api_calls;
		bcd_verify_list_filter(run, lane);
		if (bcd_verify_is(run, "changed"))
			bcd_changed_begin(run, lane);
	}
	if (lane->phase == AGAIN || (lane->phase == ROWS && (bcd_verify_is_full(lane) || run->only)))
		return bcd_items_of_source(run, lane, cxt, false, decide_row);
	if (lane->phase == ROWS && bcd_verify_is(run, "sample"))
		return next_sample(run, lane, cxt);
	if (lane->phase == ROWS && lane->feed->filter)
		return bcd_items_of_source(run, lane, cxt, true, count_row);
	if (lane->phase == LINKS)
		return next_links(run, lane, cxt);
	return NIL;
}

/* The run succeeds, but says that a feed was not counted. */
static void
tell_uncounted(BcdRun *run, const BcdFeed *feed)
{
	char	   *before = run->warning ? psprintf("%s; ", run->warning) : "";

	run->warning = MemoryContextStrdup(run->cxt,
									   psprintf("%sfeed \"%s\" was not counted, because the store does not tell the number of records of resource %s; use mode full",
												before, feed->name, feed->resource->name));
}

static BcdJob *
verify_plan(BcdRun *run, BcdLane *lane)
{
	return lane->phase > DONE ? bcd_changed_plan(run, lane) : bcd_verify_plan_list(run, lane);
}

static bool
verify_asks(const BcdLane *lane)
{
	return lane->phase == TOTAL || lane->phase == LIST || (lane->phase > DONE && lane->phase != COUNTED);
}

/*
 * Returns whether links have to be read: in count mode only if records may be
 * hidden.
 */
static bool
reads_links(const BcdRun *run, const BcdLane *lane)
{
	return bcd_verify_is_full(lane) ||
		(bcd_verify_is(run, "count") && lane->feed->on_delete == BCD_DELETE_HIDE);
}

/*
 * Moves to the next phase. Only the last feed of a resource requests the
 * number of records and the list, because they are the same for all of its
 * feeds.
 */
static void
next_phase(BcdRun *run, BcdLane *lane)
{
	if (lane->phase == ROWS && reads_links(run, lane))
		lane->phase = LINKS;
	else if (lane->phase < AGAIN && lane->doubtful != NIL)
		bcd_verify_again(run, lane);
	else if (lane->phase < TOTAL && !bcd_verify_is(run, "sample") && run->only == NULL && bcd_verify_total_of(run, lane->feed->resource))
	{
		lane->phase = lane->feed->resource->uncounted ? LIST : TOTAL;
		if (!bcd_is_last_of_resource(lane))
			lane->phase = DONE;
	}
	else if (lane->phase < TOTAL)
	{
		if (bcd_verify_is(run, "count"))
			tell_uncounted(run, lane->feed);
		lane->phase = DONE;
	}
	lane->after = 0;
}

static bool
verify_lane_done(BcdRun *run, BcdLane *lane)
{
	bool		full = bcd_verify_is_full(lane);
	bool		proves = full || bcd_verify_is(run, "changed");

	if (proves && !full)
		bcd_changed_next(run, lane);
	else
		next_phase(run, lane);
	if (lane->phase != DONE)
		return true;
	if (proves && lane->verify && !lane->verify->proven && bcd_is_last_of_resource(lane))
	{
		bcd_verify_prove(run, lane);
		lane->verify->proven = true;
	}
	return false;
}

const BcdRunKind bcd_verify_kind = {
	.name = "verify",
	.claim = verify_claim,
	.decide_read = bcd_verify_read,
	.plan = verify_plan,
	.asks = verify_asks,
	.lane_done = verify_lane_done,
	.record = bcd_verify_levels,
};
