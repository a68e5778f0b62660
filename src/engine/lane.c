/*
 * lane.c
 *		Lanes: how many items they hold, what they may send, and when they are
 *		stopped before their run ends.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "engine/directory.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/item.h"
#include "engine/lane.h"
#include "engine/queue.h"
#include "engine/stage.h"
#include "feed/feed_lock.h"
#include "pacing/pace.h"
#include "store/store_identity.h"
#include "tables/feed.h"
#include "tables/feed_crashes.h"
#include "tables/feed_state.h"

/* Items at the gates of a resource: how many, and how large they may be together */
#define LANE_ITEMS	1000
#define LANE_BYTES	(16 * 1024 * 1024)

/* Returns the lane of a feed, or NULL. */
BcdLane *
bcd_run_lane(const BcdRun *run, const char *feed)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (strcmp(run->lanes[i]->feed->name, feed) == 0)
			return run->lanes[i];
	return NULL;
}

/*
 * May a lane take more items?  Items that wait to write only a facet are not
 * counted, so that they can fill a batch, which may be a large one.
 */
bool
bcd_lane_has_room(const BcdLane *lane)
{
	const BcdGates *gates = lane->gates;
	int			apart = 0;
	int			batch = 0;
	int			stage;

	/* a list of all records is for as many items as possible */
	int			listed = gates->gate[BCD_BELOW].queued + (gates->resource->view.whole ? gates->gate[BCD_READ].queued : 0);

	for (stage = 0; stage < BCD_STAGES; stage++)
	{
		if (!gates->gate[stage].large)
			continue;
		apart += gates->gate[stage].queued;
		if (gates->gate[stage].endpoint)
			batch = Max(batch, gates->gate[stage].endpoint->batch);
	}
	return gates->items - apart - listed < LANE_ITEMS && apart < 2 * batch + 1 && gates->bytes < LANE_BYTES;
}

/*
 * Gives back the items that wait at a lane's gates; if owner is not NULL, only
 * those that belong to it.  See bcd_queue_release().
 */
void
bcd_lane_empty(BcdLane *lane, const BcdLane *owner)
{
	int			stage;

	for (stage = 0; stage < BCD_STAGES; stage++)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, &lane->gates->gate[stage].queue)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if ((owner && item->lane != owner) || (item->final_decision && lane->run->cancelled))
				continue;
			dlist_delete(&item->node);
			lane->gates->gate[stage].queued--;
			bcd_item_give_up(lane, item);
		}
	}
}

/*
 * Stops a feed for the rest of this run, which ends as failed.  Items of other
 * feeds that wait at the same gates continue.
 */
void
bcd_lane_stop(BcdLane *lane, const char *reason)
{
	BcdRun	   *run = lane->run;
	int			i;

	lane->stopped = true;
	lane->exhausted = true;
	for (i = 0; i < run->nlanes; i++)
		bcd_lane_empty(run->lanes[i], lane);
	if (run->complaint == NULL)
		run->complaint = MemoryContextStrdup(run->cxt,
											 psprintf("feed \"%s\" was stopped: %s",
													  lane->feed->name, reason));
}

/*
 * Returns how many requests are still to be made, as far as is known: those
 * for the lane's queues, or the maximum if more rows may follow.  Requests
 * that replies will lead to are not counted.
 */
static int64
work_of(BcdLane *lane)
{
	BcdRun	   *run = lane->run;
	int64		n = bcd_lane_asks(lane) ? 1 : 0;
	bool		more = !bcd_gates_exhausted(lane);
	int			i;

	for (i = 0; i < BCD_STAGES; i++)
		if (lane->gates->gate[i].queued > 0 && i != BCD_RECHECK)
			n += (lane->gates->gate[i].queued - 1) / bcd_batch_limit(lane, i) + 1;
	if (!more && run->kind->claims && run->current + 1 < run->nlanes)
	{
		bcd_tx_begin();
		more = bcd_queue_has_ready(run);
		bcd_tx_commit();
	}
	return more ? PG_INT64_MAX : Max(n, 1);
}

/*
 * Returns 0 if the store's quota lets a request of the lane start now, else
 * the milliseconds to wait: see bcd_quota_delay().  The quota that is held
 * back when much work is left is not held back when little is.
 */
int64
bcd_lane_delay(BcdLane *lane, int64 now)
{
	BcdQuota   *q = &lane->run->store->quota;
	int64		delay = bcd_quota_delay(q, now);

	if (delay > 0 && delay < BCD_QUOTA_WAIT_REPLY && bcd_gates_exhausted(lane))
	{
		q->work = work_of(lane);
		delay = bcd_quota_delay(q, now);
		q->work = PG_INT64_MAX;
	}
	return delay;
}

/*
 * Returns why a run must send nothing more because its server has changed
 * since the run began, or NULL.  Requests use the address of the store as of
 * that time, and ids are those of that store.
 */
static char *
server_trouble(const BcdRun *run)
{
	const BcdStoreOptions *o = run->store->options;
	char	   *present = bcd_server_identity(o->server);

	if (present == NULL || get_foreign_server_oid(o->server, true) != o->serverid)
		return psprintf("server \"%s\" was dropped or renamed", o->server);
	if (strcmp(present, o->identity) != 0)
		return psprintf("server \"%s\" now leads to store %s", o->server, present);
	return NULL;
}

/*
 * Called in a transaction that is about to record what came of rows of a lane.
 * Keeps the feed as it is until the transaction ends.
 *
 * If the feed is no longer the one that the lane was made for, the lane is
 * marked as lost.
 */
bool
bcd_lane_keep(BcdLane *lane)
{
	bcd_links_use(lane->feed->feed_id);
	if (!bcd_feed_is(lane->feed->feed_id, lane->run->store->options->identity))
		lane->lost = true;
	return !lane->lost;
}

/*
 * The same for one that is about to claim rows, or to send them.  Returns NULL,
 * or why the lane has to stop.
 */
char *
bcd_lane_hold(BcdLane *lane)
{
	return bcd_lane_keep(lane) ? server_trouble(lane->run) : "its links were forgotten, or it was untracked";
}

/*
 * Checks a lane's feed for changes.  After an alteration, a push continues
 * with the new mapping; a link or verify has to stop, since what it has found
 * out with the old mapping is of no use.
 */
static void
look_at(BcdLane *lane, char *reason)
{
	if (lane->stopped)
		return;
	if (reason == NULL && lane->run->kind->claims)
		reason = bcd_feed_halted(lane->feed->feed_id);
	if (reason == NULL && bcd_feed_is_altered(lane->feed->feed_id, lane->feed->version))
	{
		lane->altered = lane->run->kind->claims;
		if (!lane->altered)
			reason = "it was altered during the run; start the run again";
	}
	if (reason)
		bcd_lane_stop(lane, reason);
}

/*
 * Stops what should no longer be pushed, as someone may have paused a feed or
 * changed its server.  Also wakes runs that only wait for a retry, if other
 * rows have become ready.
 */
void
bcd_runs_look(void)
{
	dlist_iter	iter;

	bcd_tx_begin();
	dlist_foreach(iter, &bcd_engine.runs)
	{
		BcdRun	   *run = dlist_container(BcdRun, node, iter.cur);
		char	   *trouble = server_trouble(run);
		int			i;

		for (i = 0; i < run->nlanes; i++)
			look_at(run->lanes[i], trouble);
		if (run->resting && bcd_queue_has_ready(run))
			run->wake_at = 0;
	}
	bcd_tx_commit();
}

/*
 * Records for the feeds whose rows have all been processed that their code
 * runs well.
 */
void
bcd_lanes_went_well(BcdRun *run)
{
	Datum	   *ids = palloc(sizeof(Datum) * (run->nlanes + 1));
	int			n = 0;
	int			i;

	if (!run->kind->claims || run->error || run->cancelled || run->max_rows > 0)
		return;
	for (i = 0; i < run->nlanes; i++)
		if (!run->lanes[i]->stopped)
			ids[n++] = Int32GetDatum(run->lanes[i]->feed->feed_id);
	bcd_feeds_went_well(bcd_array(INT4OID, ids, NULL, n));
}

/* Does the lane have to make a request without items? */
bool
bcd_lane_asks(const BcdLane *lane)
{
	return bcd_directory_asks(lane) ||
		(!lane->stopped && lane->run->kind->asks && lane->run->kind->asks(lane));
}
