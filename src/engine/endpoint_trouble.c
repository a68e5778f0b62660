/*
 * endpoint_trouble.c
 *		Rows that met trouble at an endpoint, and come back when it works again.
 *
 * A row's waiting time after trouble is recorded with it, and applies if
 * nothing else is known.  The endpoint is recorded as well, unless the row
 * itself seems to be the cause (endpoint_health.c).  When the endpoint accepts
 * other rows, some of the waiting rows are tried early, those that have waited
 * longest first, but none before the first waiting time has passed.  The last
 * attempts of a row are never early.
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

#define LATE_ATTEMPTS	2		/* of a row, at the end, that are not made
								 * early */

/* Names of endpoints in pending.trouble; all reads use the same one */
static const char *const endpoints[BCD_FACET] = {
	[BCD_READ] = "read",
	[BCD_CREATE] = "create",
	[BCD_UPDATE] = "update",
	[BCD_REMOVE] = "remove",
};

/*
 * Returns the name of a stage's endpoint, or NULL if no row waits for it; a
 * facet's endpoint has the facet's name.
 */
static const char *
endpoint_name(const BcdLane *lane, BcdStage stage)
{
	const BcdResource *r = lane->feed->resource;

	if (stage < BCD_FACET)
		return endpoints[stage];
	return bcd_stage_nth_facet(stage) < r->nfacets ? r->facets[bcd_stage_nth_facet(stage)].name : NULL;
}

/* May a row have failed this often without being the cause? */
static bool
is_chance(BcdJob *job, int attempts)
{
	int			most = job->run->store->options->max_attempts;
	int			failures = bcd_luck_failures(&bcd_endpoint_learned(job->lane, job->stage)->luck);

	return attempts + LATE_ATTEMPTS < most && (job->nitems > 1 || attempts <= failures);
}

/*
 * Returns the waiting time of a row, which grows with its attempts.  Failures
 * that looked like bad luck no longer count once the row's own failures begin.
 */
static int64
own_wait(BcdJob *job, int attempts)
{
	int			failures = bcd_luck_failures(&bcd_endpoint_learned(job->lane, job->stage)->luck);

	if (attempts > failures)
		attempts += BCD_FREE_FAILURES - failures;
	return bcd_retry_backoff_ms(attempts, job->writes, job->run->spread);
}

/*
 * A row of a push has met trouble for the attempts-th time: decides that it
 * waits.
 */
void
bcd_early_decide(BcdJob *job, BcdItem *item, int attempts, char *text)
{
	bcd_decide_wait(item, own_wait(job, attempts), text);
	if (!is_chance(job, attempts))
		return;
	item->decision.trouble = endpoint_name(item->lane, job->reads ? BCD_READ : job->stage);
	item->decision.early_ms = bcd_retry_backoff_ms(1, job->writes, job->run->spread);
}

/*
 * Returns how long a run that only reads waits after trouble for the
 * attempts-th time.  The whole run waits, since the endpoint is the cause and
 * not a row.
 */
int64
bcd_early_run_ms(BcdJob *job, int attempts)
{
	int			troubles = bcd_endpoint_learned(job->lane, job->stage)->luck.troubles;

	return bcd_retry_backoff_ms(Min(attempts, Max(troubles, 1)), false, job->run->spread);
}

/*
 * Makes rows of a lane ready that wait for an endpoint which accepts others.
 * Returns their number; *next_ms as in bcd_queue_wake(), which is called
 * first.
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

	/* negative: no row waits */
	for (i = 0; i < run->nlanes && *next_ms >= 0; i++)
		if (!run->lanes[i]->stopped)
			woken += wake_lane(run->lanes[i], next_ms);
	return woken;
}
