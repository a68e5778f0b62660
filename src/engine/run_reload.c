/*
 * run_reload.c
 *		Reads a feed again that was altered during a push.
 *
 * Altering a feed marks its rows.  If a row were pushed with the old mapping
 * after these marks were folded, it would lose its mark although the change
 * was not pushed.  Therefore rows are claimed only with the version of the
 * feed that the table has (pending_claim.c), and the lane reads its feed
 * again.  Items that wait are given back at once; those with a request under
 * way are given back when its reply has been recorded.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/attempt.h"
#include "base/db.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item_record.h"
#include "engine/lane.h"
#include "engine/lookup_list.h"
#include "engine/run_reload.h"
#include "engine/run_start.h"
#include "engine/shown.h"
#include "engine/undo_unsent.h"
#include "engine/unmapped_fields.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "tables/feed_state.h"

/*
 * Decides that an item whose row was read with another mapping goes back to
 * the queue, unless it is finished.  What its request did stays on record.
 */
void
bcd_item_expire(BcdItem *item, bool may_be_written)
{
	BcdDecision *d = &item->decision;

	if (d->link == BCD_LINK_PUT)
	{
		(void) bcd_item_forget_unmapped(item);
		bcd_item_forget_shown(item);
	}
	if (d->leaves)
		return;
	d->made = true;
	d->leaves = true;
	d->pending = BCD_PENDING_READY;
	d->attempted = false;
	/* of a request that will not be sent */
	d->lost_create = NULL;
	if (d->link != BCD_LINK_REMOVE)
		d->gone_id = 0;
	if (d->link == BCD_LINK_HIDING || d->link == BCD_LINK_ASIDE)
		d->link = BCD_LINK_KEEP;
	if (d->link == BCD_LINK_KEEP && (bcd_record_after(item).unsure || may_be_written))
		d->link = BCD_LINK_FORGET;
}

/* Takes the items of a lane out of all queues they wait in. */
static List *
take_items(BcdLane *lane)
{
	List	   *items = NIL;
	int			i;
	int			stage;

	for (i = 0; i < lane->run->nlanes; i++)
	{
		BcdLane    *place = lane->run->lanes[i];

		for (stage = 0; stage < BCD_STAGES; stage++)
		{
			dlist_mutable_iter iter;

			dlist_foreach_modify(iter, &place->gates->gate[stage].queue)
			{
				BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

				if (item->lane != lane)
					continue;
				dlist_delete(&item->node);
				place->gates->gate[stage].queued--;
				place->gates->items--;
				place->gates->bytes -= item->bytes;
				items = lappend(items, item);
			}
		}
	}
	return items;
}

/* Marks the items of a lane that have a request under way. */
static void
mark_stale(const BcdLane *lane, const dlist_head *jobs)
{
	dlist_iter	job;
	dlist_iter	iter;

	dlist_foreach(job, (dlist_head *) jobs)
	{
		dlist_foreach(iter, &dlist_container(BcdJob, node, job.cur)->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (item->lane == lane)
				item->stale = true;
		}
	}
}

typedef struct Reload
{
	BcdLane    *lane;
	BcdFeed    *feed;
} Reload;

static void
load_feed(void *arg)
{
	Reload	   *reload = arg;
	MemoryContext old = MemoryContextSwitchTo(reload->lane->cxt);

	bcd_feed_lock(reload->lane->feed);
	reload->feed = bcd_run_feed(reload->lane->run, reload->lane->feed->name);
	MemoryContextSwitchTo(old);
}

/*
 * Gives the rows back and reads the feed.  Returns NULL, and a reason, if the
 * feed cannot be read.
 */
static BcdFeed *
reload_in_transaction(BcdLane *lane, List *items, char **reason)
{
	Reload		reload = {lane, NULL};
	BcdItem   **given_back = palloc(sizeof(BcdItem *) * (list_length(items) + 1));
	ErrorData  *error;
	ListCell   *lc;
	int			n = 0;

	bcd_tx_begin();
	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		memset(&item->decision, 0, sizeof(item->decision));
		bcd_item_expire(item, false);
		given_back[n++] = item;
	}
	bcd_items_record(given_back, n, BCD_CLAIM);
	error = bcd_attempt(load_feed, &reload);
	if (error)
	{
		*reason = MemoryContextStrdup(lane->cxt, error->message);
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			bcd_feed_pause(lane->feed->name, error->message);
	}
	bcd_tx_commit();
	return error ? NULL : reload.feed;
}

/* Makes the lane use the new feed, and start again from the first key. */
static void
use(BcdLane *lane, BcdFeed *feed)
{
	bcd_feed_free(lane->feed);
	lane->feed = feed;
	feed->lists = &lane->lists;
	bcd_forget_asked(lane->gates);
	bcd_index_free(lane);
	if (lane->cursor)
		pfree(lane->cursor);
	lane->cursor = NULL;
	lane->exhausted = false;
}

/*
 * Calls reload_in_transaction().  An error is logged; the rows are then given
 * back when the run ends.
 */
static BcdFeed *
try_reload(BcdLane *lane, List *items, char **reason)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdFeed    *volatile feed = NULL;

	*reason = "it was altered, and could not be read again";
	PG_TRY();
	{
		feed = reload_in_transaction(lane, items, reason);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort(psprintf("could not read feed \"%s\" again", lane->feed->name));
		lane->run->gave_up = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	return feed;
}

static void
reload(BcdLane *lane)
{
	List	   *items = take_items(lane);
	char	   *reason;
	BcdFeed    *feed = try_reload(lane, items, &reason);
	ListCell   *lc;

	mark_stale(lane, &lane->run->jobs);
	mark_stale(lane, &lane->run->unsettled);
	/* they will be claimed again */
	lane->run->claimed -= list_length(items);
	foreach(lc, items)
	{
		bcd_undo_unsent(lfirst(lc));
		MemoryContextDelete(((BcdItem *) lfirst(lc))->cxt);
	}
	if (feed)
		use(lane, feed);
	else
		bcd_lane_stop(lane, reason);
}

/* Reads altered feeds again; called outside a transaction. */
void
bcd_lanes_reload(BcdRun *run)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];

		if (!lane->altered || lane->stopped)
			continue;
		lane->altered = false;
		bcd_fold_all();
		reload(lane);
	}
}
