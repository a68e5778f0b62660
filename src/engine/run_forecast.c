/*
 * run_forecast.c
 *		How long a run will take, and what it waits for.
 *
 * Rows are counted; the sizes of batches say how many requests they will need.
 * What the rows that are done have really needed corrects that, the more the
 * more of them there are.  How fast requests are is measured: forecast.c.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/db.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/run_forecast.h"
#include "pacing/forecast.h"
#include "resource/resource.h"
#include "tables/pending.h"
#include "tables/tally.h"

/* Rows of a feed that are looked at to see how many of them have no record */
#define SAMPLE_ROWS		500

/* Returns the requests per row at a stage. */
static double
at_stage(BcdLane *lane, BcdStage stage)
{
	const BcdEndpoint *endpoint = lane->gates->gate[stage].endpoint;

	return endpoint ? 1.0 / Max(bcd_batch_limit_at(lane, stage, endpoint), 1) : 0;
}

/* Returns the requests that a row of the lane takes, as far as can be said. */
static double
calls_per_row(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	int64		n;
	int64		unlinked;
	double		create;

	if (!lane->run->kind->claims)
		return at_stage(lane, BCD_READ);
	unlinked = bcd_pending_unlinked(lane->feed->name, SAMPLE_ROWS, &n);
	create = at_stage(lane, BCD_CREATE) + (r->upserts || r->guarded ? 0 : at_stage(lane, BCD_LOOKUP));
	if (n == 0)
		return Max(create, at_stage(lane, BCD_UPDATE));
	return (unlinked * create + (n - unlinked) * at_stage(lane, BCD_UPDATE)) / n;
}

/*
 * Counts what is left of a push, in a transaction, as progress shows it: a row
 * that is tried again is counted once.
 */
void
bcd_forecast_expect(BcdRun *run)
{
	static const char *const states[] = {"ready", "in_flight", "waiting"};
	static const char *const deferred = "deferred";
	BcdProgress *p = &run->progress;
	const char **feeds = palloc(sizeof(char *) * Max(run->nlanes, 1));
	int64		left = 0;
	int			n_feeds = 0;
	int			i;

	run->expected_left = 0;
	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];
		const char *feed = lane->feed->name;
		int64		n;

		if (lane->stopped)
			continue;
		feeds[n_feeds++] = feed;
		n = bcd_tally_of(&feed, 1, states, lengthof(states));
		if (lane->calls_per_row == 0)
			lane->calls_per_row = calls_per_row(lane);
		run->expected_left += n * lane->calls_per_row;
		left += n;
	}
	p->referring = bcd_tally_of(feeds, n_feeds, &deferred, 1);
	bcd_tally_fold_long();
	if (run->max_rows > 0 && p->done + left > run->max_rows)
	{
		int64		most = Max(run->max_rows - p->done, 0);

		run->expected_left *= (double) most / left;
		left = most;
	}
	p->total = p->done + left;
}

/* A row of the lane is done. */
void
bcd_forecast_row_done(BcdLane *lane)
{
	BcdRun	   *run = lane->run;

	run->progress.done++;
	if (lane->calls_per_row == 0 && !run->kind->claims)
		lane->calls_per_row = calls_per_row(lane);
	run->expected_done += lane->calls_per_row;
	run->expected_left = Max(run->expected_left - lane->calls_per_row, 0);
}

/* Returns the time at which a run ends that takes so many ms more. */
static TimestampTz
end_after(const BcdRun *run, int64 ms)
{
	TimestampTz at = GetCurrentTimestamp() + ms * 1000;
	int64		closed = run->resume_at - run->pause_at;
	int64		pauses;

	if (run->resume_at == 0 || at <= run->pause_at || closed <= 0 || closed >= USECS_PER_DAY)
		return at;
	pauses = (at - run->pause_at) / (USECS_PER_DAY - closed) + 1;
	return at + pauses * closed;
}

/* Does it do nothing that says how fast it is? */
static bool
rests(const BcdProgress *p)
{
	return p->waiting_for == BCD_WAITS_FOR_STORE || p->waiting_for == BCD_WAITS_FOR_ANSWER || p->waiting_for == BCD_WAITS_FOR_ROWS;
}

/* Sets when the run may end: an interval. */
static void
show_end(BcdRun *run, int64 now)
{
	BcdProgress *p = &run->progress;
	double		left = run->kind->claims ? run->expected_left :
	(p->total - p->done) * (p->done > 0 ? run->expected_done / p->done : 0);
	double		weight = p->total > 0 ? Max(1 - (double) p->done / p->total, 0) : 1;
	double		really = run->expected_done > 0 ? (run->counts.api_calls + run->counts.throttled) / run->expected_done : 1;
	int64		low;
	int64		high;

	p->ends_after = p->ends_before = 0;
	if ((!run->kind->claims && p->done == 0) ||
		!bcd_forecast_end(&run->forecast, &run->store->quota, now,
						  left * (really > 1 ? really + (1 - really) * weight : really),
						  left * (really < 1 ? really + (1 - really) * weight : really), &low, &high))
		return;
	if (rests(p))
	{
		int64		pause = Max(p->waits_until - GetCurrentTimestamp(), 0) / 1000;

		low += pause;
		high += pause;
	}
	p->ends_after = end_after(run, low);
	p->ends_before = end_after(run, high);
}

/* Shows the first endpoint whose limit keeps the feed that is being pushed. */
static void
show_endpoint(BcdRun *run)
{
	BcdProgress *p = &run->progress;
	const BcdEndpoint *endpoint = run->current < run->nlanes ?
	bcd_endpoint_in_the_way(run->lanes[run->current], &p->at_a_time) : NULL;

	if (endpoint == NULL)
		return;
	p->waiting_for = BCD_WAITS_FOR_ENDPOINT;
	snprintf(p->endpoint, sizeof(p->endpoint), "%s %s", endpoint->method, endpoint->path);
}

/* Shows the first endpoint that takes more requests for it has refused batches. */
static void
show_batches(BcdRun *run)
{
	BcdProgress *p = &run->progress;
	const BcdEndpoint *endpoint = run->current < run->nlanes ?
	bcd_endpoint_shrinks(run->lanes[run->current], &p->batch, &p->usual_batch) : NULL;

	p->shrinks[0] = '\0';
	if (endpoint)
		snprintf(p->shrinks, sizeof(p->shrinks), "%s %s", endpoint->method, endpoint->path);
}

static void
show_wait(BcdRun *run, int64 now, int64 blocked_until)
{
	BcdProgress *p = &run->progress;
	const BcdQuota *q = &run->store->quota;
	int64		until = 0;

	p->waiting_for = BCD_WAITS_FOR_NOTHING;
	if ((until = blocked_until) > now)
		p->waiting_for = q->blocked_until > now ? BCD_WAITS_FOR_STORE : BCD_WAITS_FOR_ANSWER;
	else if ((until = run->wake_at) > now)
		p->waiting_for = BCD_WAITS_FOR_ROWS;
	else if (run->quota_until > now && run->in_flight == 0)
	{
		p->waiting_for = BCD_WAITS_FOR_QUOTA;
		until = Max(bcd_quota_turned(q), run->quota_until);
	}
	else if (run->in_flight > 0)
		show_endpoint(run);
	show_batches(run);
	p->waits_until = GetCurrentTimestamp() + Max(until - now, 0) * 1000;
}

/* Shows both in the run's progress; the store takes nothing until then. */
void
bcd_forecast_show(BcdRun *run, int64 now, int64 blocked_until)
{
	bcd_forecast_note(&run->forecast, &run->store->quota, now, run->counts.api_calls + run->counts.throttled, run->idle);
	show_wait(run, now, blocked_until);
	run->idle = rests(&run->progress);
	show_end(run, now);
}
