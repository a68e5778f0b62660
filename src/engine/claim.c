/*
 * claim.c
 *		Claims rows for a run: how many at a time, and what happens on failure.
 *
 * A claim is one transaction: it makes items of the lane's next rows and
 * records the decisions that can be made at once.  Only when it is committed
 * do the items move to their stages.  The worker does nothing else meanwhile,
 * so claims get smaller when they take long.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "engine/claim.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/item.h"
#include "engine/item_record.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/queue.h"
#include "engine/undo_arm.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/key_list.h"
#include "feed/named.h"
#include "tables/feed_state.h"

/*
 * Consecutive failed claims, one second apart, after which a lane is given up
 */
#define CLAIM_FAILURES		60

/*
 * Rows per claim.  Starts small; shrinks when the mapping is slow, so that
 * other stores get a turn, or when rows are large.
 */
#define FIRST_CLAIM_ROWS	25
#define CLAIM_ROWS			250
#define CLAIM_BYTES			(4 * 1024 * 1024)

/* Claims items, or finds a reason why the lane has to stop. */
static void
claim_in_transaction(BcdRun *run, BcdLane *lane, MemoryContext cxt, List **items, char **reason)
{
	BcdItem   **claimed;
	ListCell   *lc;
	int			n = 0;

	bcd_tx_begin();
	bcd_links_claim(lane->feed->feed_id);
	*reason = bcd_lane_hold(lane);
	if (*reason)
	{
		*reason = MemoryContextStrdup(cxt, *reason);
		bcd_tx_commit();
		return;
	}
	bcd_feed_lock(lane->feed);
	if (!bcd_feed_has_types(lane->feed) && run->kind->claims)
	{
		/*
		 * the type of a key column was changed: read the new one before the
		 * next claim
		 */
		lane->altered = true;
		bcd_tx_commit();
		return;
	}
	*items = run->kind->claim(run, lane, cxt);
	claimed = palloc(sizeof(BcdItem *) * list_length(*items));
	foreach(lc, *items)
	{
		claimed[n] = lfirst(lc);
		bcd_put_back(claimed[n++]);
	}
	bcd_items_record(claimed, n, BCD_CLAIM);
	bcd_undo_decided(run, claimed, n);
	bcd_tx_commit();
}

/* Does an error of this kind go away by itself? */
static bool
is_passing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_SYSTEM_ERROR;
}

/*
 * Handles the failure of a whole claim, caused by a lock, a full disk, or a
 * mapping that broke during the run.  If the cause can go away by itself, the
 * claim is tried again every second for a while and then left to another run;
 * otherwise the feed is paused.
 */
static void
claim_failed(BcdRun *run, BcdLane *lane)
{
	ErrorData  *error = CopyErrorData();
	bool		unlisted = error->sqlerrcode == BCD_ERRCODE_UNLISTED;

	if (unlisted)
	{
		FlushErrorState();
		bcd_tx_abort();
	}
	else
		bcd_tx_report_and_abort(psprintf("could not read rows of feed \"%s\"", lane->feed->name));
	while (!dlist_is_empty(&lane->fresh))
		bcd_item_free(lane, dlist_container(BcdItem, node, dlist_pop_head_node(&lane->fresh)));
	if (lane->keys)
		bcd_keylist_undo(lane->keys);
	/* the list is read first, and then the rows are claimed again */
	if (unlisted)
		return;
	if (run->kind->claims && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		/* most likely only this source is locked: continue with other feeds */
		bcd_lane_held_up(lane, 0, error->message);
		lane->exhausted = true;
		return;
	}
	run->wake_at = bcd_now_ms() + 1000;
	if (is_passing(error->sqlerrcode))
	{
		if (++lane->failures < CLAIM_FAILURES)
			return;
	}
	else
	{
		bcd_tx_begin();
		bcd_feed_pause(lane->feed->name, error->message);
		bcd_tx_commit();
	}
	bcd_lane_stop(lane, error->message);
}

/*
 * Returns how many rows to claim next, after n rows of this total size took
 * this long.
 */
static int
next_claim_rows(int rows, int64 ms, int n, Size bytes)
{
	rows = ms > BCD_CLAIM_MS ? rows / 2 : Min(rows * 2, CLAIM_ROWS);
	if (n > 0)
		rows = Min(rows, CLAIM_BYTES / (bytes / n));
	return Max(rows, 1);
}

/* Moves the items of a committed claim to their stages. */
static void
queue_items(BcdRun *run, BcdLane *lane, List *items, int64 ms)
{
	Size		bytes = 0;

	/* what a push claims is all that there is, unless it is as much as it may */
	bool		last = (items == NIL && !lane->unseen) || (run->kind->claims && list_length(items) < lane->claim_rows);
	ListCell   *lc;

	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		bytes += MemoryContextMemAllocated(item->cxt, true);
		dlist_delete(&item->node);
		if (item->decision.postponed)
			last = false;
		else
		{
			run->claimed++;
			if (lnext(items, lc) == NULL ||
				((BcdItem *) lfirst(lnext(items, lc)))->decision.postponed)
				bcd_queue_claimed(lane, item->key);
		}
		bcd_item_move(lane, item, BCD_CLAIM);
	}
	lane->exhausted = last || bcd_lane_rests(lane);
	lane->claim_rows = next_claim_rows(lane->claim_rows, ms, list_length(items), bytes);
}

static bool
is_alone(void)
{
	return dlist_head_node(&bcd_engine.runs) == dlist_tail_node(&bcd_engine.runs);
}

/* Claims the lane's next items and queues them. */
void
bcd_refill(BcdRun *run, BcdLane *lane)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *volatile items = NIL;
	char	   *volatile reason = NULL;
	int64		began = bcd_now_ms();
	int64		took;

	if (lane->claim_rows == 0)
		lane->claim_rows = FIRST_CLAIM_ROWS;
	PG_TRY();
	{
		List	   *claimed = NIL;
		char	   *why = NULL;

		claim_in_transaction(run, lane, cxt, &claimed, &why);
		items = claimed;
		reason = why;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		claim_failed(run, lane);
		return;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	if (reason)
	{
		bcd_lane_stop(lane, reason);
		return;
	}
	if (lane->altered)
		return;
	BCD_DEBUG_POINT("claimed");
	lane->failures = 0;
	if (lane->keys)
		bcd_keylist_keep(lane->keys);
	took = bcd_now_ms() - began;
	queue_items(run, lane, items, took);
	/* everything else had to wait: give the other runs as much time */
	if (took > BCD_CLAIM_MAX_MS && !is_alone())
		run->wake_at = began + 2 * took;
}
