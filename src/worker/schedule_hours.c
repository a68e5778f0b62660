/*
 * schedule_hours.c
 *		Keeps the runs of schedules within their hours.
 *
 * The engine is told when a run has to pause, and until when. As a schedule
 * can be replaced and a clock can be set, this is computed anew from time to
 * time, for active runs and for those that pause.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/run.h"
#include "engine/run_start.h"
#include "tables/run.h"
#include "tables/run_hours.h"
#include "worker/schedule_hours.h"
#include "worker/wallclock.h"

/* The hours of a schedule, and what they mean now */
typedef struct Window
{
	char	   *hours;			/* NULL: always */
	char	   *zone;
	TimestampTz now;
	TimestampTz opens;			/* from when on they last; not later: now */
	TimestampTz ends;			/* or DT_NOEND */
	TimestampTz opens_again;
} Window;

static TimestampTz reopen = DT_NOEND;

/* May raise an error, as anybody may have written into the table. */
static void
compute(void *arg)
{
	Window	   *w = arg;
	BcdHours	hours;

	bcd_hours_read(w->hours, &hours);
	w->opens = bcd_hours_next(w->now, &hours, w->zone);
	w->ends = bcd_hours_end(w->now, &hours, w->zone);
	if (w->ends != DT_NOEND)
		w->opens_again = bcd_hours_next(w->ends, &hours, w->zone);
}

/* Tells the engine when a run has to pause. */
static void
limit(BcdRun *run, const Window *w)
{
	run->pause_at = w->ends;
	run->resume_at = w->ends == DT_NOEND ? 0 : w->opens_again;
}

/* Does a run have to wait for its hours?  While a session waits for it, it need not. */
static bool
is_closed(int64 run_id, const Window *w)
{
	return w->opens > w->now && !bcd_engine.awaited(run_id);
}

/*
 * Starts a requested run unless its store is busy; outside its hours, it
 * pauses. May raise an error, also if the hours are malformed.
 */
void
bcd_hours_begin(int64 run_id)
{
	Window		w = {.now = GetCurrentTimestamp()};
	BcdRun	   *run;
	bool		closed;

	bcd_tx_begin();
	if (bcd_run_hours(run_id, &w.hours, &w.zone))
		compute(&w);
	closed = is_closed(run_id, &w);
	if (closed)
	{
		bcd_run_pause_until(run_id, w.opens);
		reopen = Min(reopen, w.opens);
		bcd_engine.requested = true;	/* others may start instead */
	}
	bcd_tx_commit();
	if (closed)
		return;
	bcd_run_begin(run_id);
	run = bcd_run_find(run_id);
	/* one that paused may have no hours any more */
	if (run && w.ends != 0)
		limit(run, &w);
	else if (run)
		run->resume_at = 0;
}

static void
look_at_active(BcdRun *run)
{
	Window		w = {.now = GetCurrentTimestamp()};

	if (run->parked || run->pausing)
		return;
	if (!bcd_run_hours(run->run_id, &w.hours, &w.zone))
		run->resume_at = 0;
	else if (bcd_attempt(compute, &w) == NULL)
		limit(run, &w);
}

/* The schedule of a run that pauses was removed, and no session waits for it. */
static void
end_paused(const BcdPausedRun *paused)
{
	BcdRun	   *run = bcd_run_find(paused->run_id);
	char	   *reason = psprintf("schedule \"%s\" was removed while the run paused", paused->schedule);

	if (run)
		bcd_run_cancel(run, reason);
	else
		(void) bcd_run_fail(paused->run_id, "cancelled", reason);
}

static void
look_at_paused(const BcdPausedRun *paused)
{
	Window		w = {.hours = paused->hours,.zone = paused->zone,.now = GetCurrentTimestamp()};
	bool		closed;

	if (paused->removed && !bcd_engine.awaited(paused->run_id))
	{
		end_paused(paused);
		return;
	}
	if (w.hours && bcd_attempt(compute, &w) != NULL)
		return;
	closed = is_closed(paused->run_id, &w);
	if (closed)
		reopen = Min(reopen, w.opens);
	if (closed ? w.opens != paused->until : paused->until > w.now)
		bcd_run_pause_until(paused->run_id, closed ? w.opens : w.now);
}

/* Returns whether a run in memory is over in the tables. */
static bool
is_over(const BcdRun *run, List *paused)
{
	ListCell   *lc;

	foreach(lc, paused)
		if (((BcdPausedRun *) lfirst(lc))->run_id == run->run_id)
		return false;
	return true;
}

/* Looks at the hours of all runs; in a transaction. */
void
bcd_hours_look(void)
{
	List	   *paused = bcd_runs_paused();
	dlist_mutable_iter iter;
	ListCell   *lc;

	reopen = DT_NOEND;
	foreach(lc, paused)
		look_at_paused(lfirst(lc));
	dlist_foreach_modify(iter, &bcd_engine.runs)
	{
		BcdRun	   *run = dlist_container(BcdRun, node, iter.cur);

		if (run->parked && !run->cancelled && is_over(run, paused))
			bcd_run_drop(run);
		else
			look_at_active(run);
	}
}

/* Returns when the next run that pauses may go on, or DT_NOEND. */
TimestampTz
bcd_hours_reopen(void)
{
	return reopen;
}
