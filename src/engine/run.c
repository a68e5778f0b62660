/*
 * run.c
 *		A run from its start to its end.
 *
 * The worker calls bcd_run_step() whenever something may have happened.  A
 * step claims rows for the current lane, starts as many requests as the
 * store's quota allows, and moves on to the next lane when this one is empty.
 * It never waits.  Lanes are processed in order of dependency, round by round
 * (run_round.c).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "base/shmem.h"
#include "engine/another_writer.h"
#include "engine/adjust.h"
#include "engine/claim.h"
#include "engine/companions.h"
#include "engine/directory.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/plan.h"
#include "engine/queue.h"
#include "engine/reply_error.h"
#include "engine/run.h"
#include "engine/run_forecast.h"
#include "engine/run_pause.h"
#include "engine/run_reload.h"
#include "engine/run_round.h"
#include "engine/sampling.h"
#include "engine/settle.h"
#include "engine/stop_criteria.h"
#include "engine/store_state.h"
#include "engine/undo_arm.h"
#include "engine/undo_unsent.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/key_list.h"
#include "http/http.h"
#include "pacing/pace.h"
#include "pacing/quota.h"
#include "tables/event.h"
#include "tables/run.h"
#include "tables/schedule.h"

/* How long requests under way may take to end after a cancel */
#define CANCEL_GRACE_MS		3000

/* How long it may then take to restore what records have given up */
#define RESTORE_GRACE_MS	10000

/* How often the totals of a run are saved */
#define SAVE_MS				2000

/*
 * Shows what the run is doing in bcdelta.progress and in the store's status.
 */
static void
show(BcdRun *run, int64 now)
{
	BcdProgress *p = &run->progress;
	BcdQuota   *q = &run->store->quota;
	int64		blocked_until = bcd_quota_blocked_until(q);
	char		phase[BCD_NAME_BYTES];

	if (run->pausing)
		strlcpy(phase, "pausing", sizeof(phase));
	else if (run->cancelled)
		strlcpy(phase, "stopping", sizeof(phase));
	else if (blocked_until > now)
		snprintf(phase, sizeof(phase), "waiting for the store");
	else if (run->current < run->nlanes)
		snprintf(phase, sizeof(phase), "%s %s", run->kind->name, run->lanes[run->current]->feed->name);
	else
		strlcpy(phase, "waiting for the next attempt", sizeof(phase));
	strlcpy(p->phase, phase, sizeof(p->phase));
	p->total = Max(p->total, p->done);
	p->api_calls = run->counts.api_calls;
	p->throttled = run->counts.throttled;
	p->in_flight = q->in_flight;
	bcd_forecast_show(run, now, blocked_until);
	bcd_progress_show(p);
	bcd_engine_show_store(run->store, now, blocked_until);
}

static void
free_jobs(BcdRun *run, dlist_head *jobs, bool under_way)
{
	while (!dlist_is_empty(jobs))
	{
		bcd_job_free(dlist_container(BcdJob, node, dlist_pop_head_node(jobs)));
		if (under_way)
			bcd_quota_abandoned(&run->store->quota);
	}
}

/* Forgets a run without writing anything. */
void
bcd_run_drop(BcdRun *run)
{
	int			i;

	free_jobs(run, &run->jobs, true);
	free_jobs(run, &run->unsettled, false);
	bcd_progress_hide(MyDatabaseId, run->run_id);
	if (run->store->run == run)
		run->store->run = NULL;
	dlist_delete(&run->node);
	for (i = 0; i < run->nlanes; i++)
	{
		if (run->lanes[i]->keys)
			bcd_keylist_free(run->lanes[i]->keys);
		if (run->lanes[i]->identity)
			bcd_feed_free(run->lanes[i]->identity);
		bcd_feed_free(run->lanes[i]->feed);
	}
	MemoryContextDelete(run->cxt);
}

/*
 * Adds a warning to a finished run that has left rows ready.  Rows that have
 * changed since the run began are worth a warning only if someone waits for
 * the run: those of a schedule are pushed by its next run.
 */
static void
tell_left_over(BcdRun *run)
{
	int64		old;

	if (run->max_rows > 0 || run->warning || !bcd_queue_has_ready(run))
		return;
	old = bcd_queue_count_old(run, 0);
	if (old == 0 && !run->waited)
		return;
	run->warning = MemoryContextStrdup(run->cxt,
									   psprintf(INT64_FORMAT " rows are still ready to be pushed, " INT64_FORMAT " of them since before the run began",
												bcd_queue_count(run, "ready"), old));
}

/* Returns why the run fails or leaves work undone, or NULL. */
static const char *
error_of(const BcdRun *run)
{
	if (run->error)
		return run->error;
	return run->cancelled ? run->cancel_reason : run->complaint;
}

/* Is it a rollback that has written something? */
static bool
takes_back(const BcdRun *run)
{
	return run->kind->writes && !run->kind->claims &&
		run->counts.created + run->counts.updated + run->counts.deleted + run->counts.hidden > 0;
}

static void
finish(BcdRun *run)
{
	const char *state = run->error ? "failed" : run->cancelled ? "cancelled" :
	run->complaint ? "failed" : "succeeded";
	int64		run_id = run->run_id;

	bcd_tx_begin();
	if (run->kind->claims)
	{
		if (run->gave_up)
			bcd_queue_recover(run);
		bcd_queue_release(run);
		run->counts.deferred = bcd_queue_count(run, "deferred");
		if (!run->pausing)
			tell_left_over(run);
	}
	bcd_undo_drop_unsent(run);
	bcd_lanes_went_well(run);
	if (run->pausing && run->error == NULL)
		bcd_run_put_off(run);
	else
		bcd_run_update(run_id, state, error_of(run), run->warning, &run->counts);
	if (!run->parked)
		bcd_sampling_end(run, bcd_now_ms());
	bcd_schedules_record_ends(bcd_home());
	if (takes_back(run) && error_of(run) == NULL && !run->pausing)
		bcd_event_rolled_back(run->store->options->server, run_id);
	BCD_DEBUG_POINT("finishing");
	bcd_tx_commit();
	BCD_DEBUG_POINT("finished");
	show(run, bcd_now_ms());
	bcd_run_drop(run);
	bcd_engine.finished(run_id);
}

/* A request has ended, with or without a reply. */
static void
replied(BcdHttpRequest *r)
{
	BcdJob	   *job = r->owner;
	BcdRun	   *run = job->run;

	dlist_delete(&job->node);
	job->verdict = bcd_retry_verdict(r->fate, r->status);
	bcd_engine_store_replied(run->store, r, job->ticket);
	bcd_endpoint_replied(job);
	if (r->fate == BCD_HTTP_REPLIED && r->status == 429)
		run->counts.throttled++;
	else if (r->fate == BCD_HTTP_REPLIED)
		run->counts.api_calls++;
	bcd_settle(job);
}

/* Starts the request of a job, or settles the job at once if it needs none. */
static void
start(BcdJob *job, int64 now)
{
	BcdLane    *lane = job->lane;

	lane->gates->gate[job->stage].flying++;
	lane->gates->in_flight++;
	job->run->in_flight++;
	if (job->request == NULL)
	{
		bcd_settle(job);
		return;
	}
	if (job->writes)
	{
		job->run->writing++;
		job->run->alone = job->endpoint->alone;
	}
	dlist_push_tail(&job->run->jobs, &job->node);
	bcd_endpoint_started(job);
	job->ticket = bcd_quota_sent(&job->run->store->quota, now);
	job->request->replied = replied;
	bcd_http_start(job->request, &lane->gates->target);
}

/*
 * Starts what may be started now.  Returns the milliseconds until more can be
 * started, or -1: when a reply has come.
 */
static int64
dispatch(BcdRun *run, BcdLane *lane, int64 now)
{
	for (;;)
	{
		int64		delay = bcd_lane_delay(lane, now);
		BcdJob	   *job;

		run->quota_until = delay > 0 && delay < BCD_QUOTA_WAIT_REPLY ? now + delay : 0;
		if (delay > 0)
			return delay;
		job = bcd_plan_next(lane);
		if (job == NULL)
			return -1;
		if (!bcd_undo_announce(job) || !bcd_adjust_announce(job))
			return Max(run->wake_at - now, 0);
		start(job, now);
		if (run->error)
			return 0;
	}
}

static void
settle_again(BcdRun *run, int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &run->unsettled)
	{
		BcdJob	   *job = dlist_container(BcdJob, node, iter.cur);

		if (job->settle_at > now)
			continue;
		dlist_delete(&job->node);
		bcd_settle(job);
	}
}

/* Asks a run to stop sending requests.  The first reason given is kept. */
void
bcd_run_cancel(BcdRun *run, const char *reason)
{
	if (run->cancelled && !run->pausing)
		return;
	run->pausing = false;
	run->cancel_deadline = bcd_now_ms() + (run->restoring ? RESTORE_GRACE_MS : CANCEL_GRACE_MS);
	run->cancel_reason = MemoryContextStrdup(run->cxt, reason);
	run->cancelled = true;
}

/* Gives up the requests under way; what became of them is unknown. */
static void
abandon(BcdRun *run)
{
	while (!dlist_is_empty(&run->jobs))
	{
		BcdJob	   *job = dlist_container(BcdJob, node, dlist_pop_head_node(&run->jobs));

		bcd_http_abandon(job->request);
		job->verdict = bcd_retry_verdict(job->request->fate, job->request->status);
		bcd_quota_abandoned(&run->store->quota);
		bcd_settle(job);
	}
}

/* Sends nothing more, and waits a limited time for what is under way. */
static int64
wind_down(BcdRun *run, int64 now)
{
	int64		wait = -1;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		bcd_lane_empty(run->lanes[i], NULL);
	/* only once no write is under way that may restore them itself */
	if (run->in_flight == 0 && run->cancelled && run->error == NULL && !run->restoring)
	{
		run->restoring = true;
		if (bcd_restore_all(run))
			run->cancel_deadline = run->pausing ? bcd_run_pause_deadline(run, now) : now + RESTORE_GRACE_MS;
	}
	for (i = 0; run->restoring && i < run->nlanes; i++)
		if (run->lanes[i]->gates->items > 0 && wait < 0)
			wait = dispatch(run, run->lanes[i], now);
	if (run->in_flight == 0 && (wait < 0 || now >= run->cancel_deadline))
	{
		finish(run);
		return 0;
	}
	if (run->cancel_deadline == 0)
		run->cancel_deadline = now + run->store->options->timeout_ms;
	if (now >= run->cancel_deadline)
	{
		abandon(run);
		run->cancel_deadline = now + CANCEL_GRACE_MS;
	}
	return wait < 0 ? run->cancel_deadline - now : Min(wait, run->cancel_deadline - now);
}

/* Can the lane take more rows, unless something else prevents it? */
static bool
may_claim(const BcdLane *lane)
{
	return !lane->exhausted && !bcd_directory_asks(lane) && bcd_lane_has_room(lane);
}

/* Do items wait for their turn?  Only these have companions. */
static bool
has_turns(const BcdLane *lane)
{
	return lane->gates->gate[BCD_TURN].queued > 0;
}

/*
 * Does what can be done for the current lane.  Returns true if it has nothing
 * left to do, now or later; otherwise sets *wait to the return value of
 * bcd_run_step().
 */
static bool
lane_is_empty(BcdRun *run, BcdLane *lane, int64 now, int64 *wait)
{
	if (may_claim(lane))
		show(run, now);			/* claims may take long */
	while (may_claim(lane) && !lane->altered &&
		   run->wake_at <= now && bcd_now_ms() - now <= BCD_CLAIM_MS)
		bcd_refill(run, lane);
	while (has_turns(lane) && bcd_companions_wanted(lane) && bcd_now_ms() - now <= BCD_CLAIM_MS)
		bcd_companions_gather(lane);
	*wait = dispatch(run, lane, now);
	show(run, now);				/* the next step may be a long time away */
	if (has_turns(lane) && bcd_companions_wanted(lane))
	{
		*wait = 0;
		return false;
	}
	if (may_claim(lane))
	{
		*wait = Max(run->wake_at - now, 0);
		return false;
	}

	/*
	 * records of this feed must exist before rows of the next feed look them
	 * up
	 */
	if (lane->exhausted && lane->gates->in_flight == 0 && (*wait < 0 || lane->gates->items == 0) &&
		bcd_go_on_claiming(run))
	{
		*wait = 0;
		return false;
	}
	if (lane->gates->items > 0 || lane->gates->in_flight > 0)
	{
		if (!dlist_is_empty(&run->unsettled))
			*wait = Min(*wait < 0 ? 1000 : *wait, 1000);
		return false;
	}
	/* requests may still have to be made that the quota has delayed */
	return !bcd_lane_asks(lane);
}

/*
 * Does what can be done for a run now.  Returns the milliseconds until there
 * is more to do, or -1: when a reply has come.  The run may have ended, and
 * been freed, on return.
 */
int64
bcd_run_step(BcdRun *run, int64 now)
{
	int64		wait = -1;
	char	   *stopped;

	if (run->parked)
		return run->cancelled ? wind_down(run, now) : -1;
	settle_again(run, now);
	bcd_lanes_reload(run);
	if (bcd_run_pause_due(run))
		bcd_run_pause(run, now);
	if (now - run->saved_at > SAVE_MS)
	{
		bcd_tx_begin();
		bcd_tx_async();
		bcd_run_update(run->run_id, "running", error_of(run), run->warning, &run->counts);
		if (run->kind->claims)
			bcd_forecast_expect(run);
		bcd_sampling_look(run, now);
		bcd_stop_look(run);
		bcd_tx_commit();
		run->saved_at = now;
	}
	stopped = bcd_stop_judge(run);
	if (stopped)
	{
		bcd_run_cancel(run, stopped);
		/* nothing that is under way is abandoned */
		run->cancel_deadline = bcd_run_pause_deadline(run, now);
	}
	if (run->cancelled || run->error || (run->nlanes == 0 && run->late == NIL))
	{
		show(run, now);
		return wind_down(run, now);
	}
	if (run->pausing || run->wake_at > now)
		show(run, now);
	if (run->pausing)
	{
		if (run->in_flight == 0)
			bcd_run_park(run);
		return dlist_is_empty(&run->unsettled) ? -1 : 1000;
	}
	if (run->wake_at > now)
		return run->wake_at - now;
	run->resting = false;
	if (run->nlanes > 0 && !lane_is_empty(run, run->lanes[run->current], now, &wait))
		return wait;
	wait = bcd_advance(run, now);
	if (wait < 0)
	{
		finish(run);
		return 0;
	}
	return wait;
}
