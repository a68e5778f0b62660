/*
 * endpoint_trouble.c
 *		Rows that met trouble at an endpoint, and come back when it takes others.
 *
 * How long a row waits after trouble is written down with it, and is what
 * holds when nothing else is known.  With it goes the endpoint, unless the row
 * seems to fail by itself (endpoint_health.c): when that takes other rows, a few of those
 * that wait come back before their time, those that met it the longest ago
 * first, though none sooner than after its first wait.  The last attempts of a row are made in
 * its own time.
 */
#include "postgres.h"


#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/endpoint_trouble.h"
#include "engine/engine.h"
#include "engine/queue.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "pacing/endpoint_health.h"
#include "store/verdict.h"
#include "tables/pending_wait.h"

#define LATE_ATTEMPTS	2		/* the last of a row, that are not made early */

/* The endpoints that rows are pushed through, in pending.trouble; all reads go to one */
static const char *const endpoints[BCD_STAGES] = {
	[BCD_READ] = "read",
	[BCD_CREATE] = "create",
	[BCD_UPDATE] = "update",
	[BCD_REMOVE] = "remove",
};

/* That of a facet has the facet's name; NULL: nothing waits for a stage. */
static const char *
endpoint_name(const BcdLane *lane, BcdStage stage)
{
	const BcdResource *r = lane->feed->resource;

	if (!bcd_stage_is_facet(stage))
		return endpoints[stage];
	return stage - BCD_FACET + 1 < r->nfacets ? r->facets[stage - BCD_FACET + 1].name : NULL;
}

/* May a row have failed so often by no fault of its own? */
static bool
is_chance(BcdJob *job, int attempts)
{
	int			most = job->run->store->options->max_attempts;
	int			failures = bcd_luck_failures(&bcd_endpoint_learned(job->lane, job->stage)->luck);

	return attempts + LATE_ATTEMPTS < most && (job->nitems > 1 || attempts <= failures);
}

/*
 * The wait of a row, which grows with its attempts.  What was bad luck by all
 * appearances counts no more when its own failures begin.
 */
static int64
own_wait(BcdJob *job, int attempts)
{
	int			failures = bcd_luck_failures(&bcd_endpoint_learned(job->lane, job->stage)->luck);

	if (attempts > failures)
		attempts += BCD_FREE_FAILURES - failures;
	return bcd_retry_backoff_ms(attempts, bcd_is_write(job), job->run->spread);
}

/* A row of a push has met trouble for the attempts-th time: it waits. */
void
bcd_early_decide(BcdJob *job, BcdItem *item, int attempts, char *text)
{
	bcd_decide_wait(item, own_wait(job, attempts), text);
	if (!is_chance(job, attempts))
		return;
	item->decision.trouble = endpoint_name(item->lane, bcd_stage_reads(job->stage) ? BCD_READ : job->stage);
	item->decision.early_ms = bcd_retry_backoff_ms(1, bcd_is_write(job), job->run->spread);
}

/*
 * How long a run of nothing but reads waits when one of them has met trouble
 * for the attempts-th time.  All of it waits: for the endpoint, not for one
 * row.
 */
int64
bcd_early_run_ms(BcdJob *job, int attempts)
{
	int			troubles = bcd_endpoint_learned(job->lane, job->stage)->luck.troubles;

	return bcd_retry_backoff_ms(Min(attempts, Max(troubles, 1)), false, job->run->spread);
}

/*
 * Makes rows of a lane ready that wait for an endpoint which takes others.
 * Returns their number; *next_ms as in bcd_queue_wake(), which is called
 * before.
 */
static int64
wake_lane(BcdLane *lane, int64 *next_ms)
{
	int64		woken = 0;
	int			stage;

	for (stage = 0; stage < BCD_STAGES; stage++)
	{
		const char *name = endpoint_name(lane, stage);
		BcdLuck    *luck = name ? &bcd_endpoint_learned(lane, stage)->luck : NULL;
		int64		n;
		int64		ms;

		if (luck == NULL || luck->credit == 0)
			continue;
		n = bcd_pending_wake_early(lane->feed->name, name, luck->credit, &ms);
		luck->credit -= n;
		woken += n;
		if (ms >= 0 && luck->credit > 0)
			*next_ms = Min(*next_ms, ms);
	}
	return woken;
}

/* The same for all lanes of a run. */
int64
bcd_early_wake(BcdRun *run, int64 *next_ms)
{
	int64		woken = 0;
	int			i;

	/* next_ms < 0: no row waits */
	for (i = 0; i < run->nlanes && *next_ms >= 0; i++)
		if (!run->lanes[i]->stopped)
			woken += wake_lane(run->lanes[i], next_ms);
	return woken;
}
