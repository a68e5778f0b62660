/*
 * lane.c
 *		Lanes: how much they hold, and their end before that of the run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "utils/memutils.h"

#include "base/db.h"
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

/* The lane of a feed, or NULL. */
BcdLane *
bcd_run_lane(const BcdRun *run, const char *feed)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (strcmp(run->lanes[i]->feed->name, feed) == 0)
			return run->lanes[i];
	return NULL;
}

/* Does an endpoint take batches for which items may have to wait long? */
static bool
is_large(const BcdGates *gates, int stage)
{
	return bcd_stage_is_facet(stage) ||
		(bcd_stage_writes(stage) && gates->gate[stage].endpoint && gates->gate[stage].endpoint->batch > BCD_PAGE_LIMIT);
}

/*
 * May a lane take more items?  Those that wait to write a facet of its own do so
 * until they fill a batch, which may be a large one.
 */
bool
bcd_lane_has_room(const BcdLane *lane)
{
	const BcdGates *gates = lane->gates;
	int			apart = 0;
	int			batch = 0;
	int			stage;

	for (stage = 0; stage < BCD_FACET + gates->resource->nfacets - 1; stage++)
	{
		if (!is_large(gates, stage))
			continue;
		apart += gates->gate[stage].queued;
		batch = Max(batch, gates->gate[stage].endpoint->batch);
	}
	return gates->items - apart < LANE_ITEMS && apart < 2 * batch + 1 && gates->bytes < LANE_BYTES;
}

/*
 * Gives back the items that wait in a lane, or those of them that belong to
 * one lane; see bcd_queue_release().
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
 * Nothing more is sent for a feed in this run, which ends as failed.  Items of
 * other feeds that wait at the same gates go on.
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
 * How many requests are still to be made, as far as is known: those that the
 * lane's queues need, or very many.  What replies add to them is not counted.
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
 * 0 when the store's quota lets a request of the lane start now, else ms to
 * wait: see bcd_quota_delay().  What is kept back of much work need not be of
 * little.
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
 * Why a run must send nothing more: its server is not what it was when the
 * run began.  NULL: it is.  What is under way goes to the store of then, with
 * that one's ids.
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
 * In a transaction that is about to claim rows of a lane, or to record what
 * came of them: its feed stays what it is until the end of the transaction.
 *
 * Returns NULL, or why the lane has to stop.  When the feed is not the one any
 * more that the lane was made for, the lane is lost.
 */
char *
bcd_lane_hold(BcdLane *lane)
{
	bcd_links_use(lane->feed->feed_id);
	if (!bcd_feed_is(lane->feed->feed_id, lane->run->store->options->identity))
	{
		lane->lost = true;
		return "its links were forgotten, or it was untracked";
	}
	return server_trouble(lane->run);
}

/*
 * A push goes on with the new mapping of a feed that was altered; what a link
 * or verify has found out with the old one cannot be made good.
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
 * Stops what is not to be pushed any more: somebody may have paused a feed, or
 * changed its server.  And a run that only waits for a row to be tried again
 * does not keep those waiting that have become ready since.
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

/* The feeds all of whose rows the run went through have shown their code. */
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

/* Is a request of no items to be made for the lane? */
bool
bcd_lane_asks(const BcdLane *lane)
{
	return !lane->stopped && lane->run->kind->asks && lane->run->kind->asks(lane);
}
