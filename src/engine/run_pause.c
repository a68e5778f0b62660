/*
 * run_pause.c
 *		Runs that pause until a given time, and go on.
 *
 * A run that pauses sends nothing more, waits for what is under way, and
 * leaves the store to other runs.  A push gives its rows back, and starts over
 * from the tables when it goes on, as after a restart of the worker.  A verify
 * would have to compare everything anew; so it is parked: it stays in memory
 * as it is, without its store.  In the tables, both are requested runs that may
 * not start yet.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/shmem.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/run_pause.h"
#include "engine/sampling.h"
#include "store/store.h"
#include "tables/run.h"
#include "tables/run_hours.h"

/* Beyond the time limit for requests, after which none is under way */
#define PAUSE_GRACE_MS	3000

/* Does a run have to pause now?  While a session waits for it, it goes on. */
bool
bcd_run_pause_due(const BcdRun *run)
{
	return run->resume_at != 0 && !run->pausing && !run->cancelled && run->error == NULL &&
		GetCurrentTimestamp() >= run->pause_at && !bcd_engine.awaited(run->run_id);
}

/* When no request is under way any more that is sent now: pauses abandon none. */
int64
bcd_run_pause_deadline(const BcdRun *run, int64 now)
{
	return now + run->store->options->timeout_ms + PAUSE_GRACE_MS;
}

void
bcd_run_pause(BcdRun *run, int64 now)
{
	run->pausing = true;
	if (!run->kind->claims)
		return;
	run->cancelled = true;
	run->cancel_deadline = bcd_run_pause_deadline(run, now);
}

/* Records that a run pauses; in a transaction. */
void
bcd_run_put_off(BcdRun *run)
{
	bcd_run_update(run->run_id, "running", run->complaint, run->warning, &run->counts);
	bcd_run_pause_until(run->run_id, run->resume_at);
}

/* Nothing is under way any more: leaves the store to others. */
void
bcd_run_park(BcdRun *run)
{
	bcd_tx_begin();
	bcd_run_put_off(run);
	bcd_sampling_end(run, bcd_now_ms());
	bcd_tx_commit();
	bcd_progress_hide(MyDatabaseId, run->run_id);
	run->identity = MemoryContextStrdup(run->cxt, run->store->options->identity);
	run->pausing = false;
	run->parked = true;
	run->store->run = NULL;
	bcd_engine.requested = true;
}

/*
 * A parked run goes on, with the present options of its store, which may have
 * been read anew since.  Raises an error if there is no token any more.
 */
void
bcd_run_unpark(BcdRun *run)
{
	const BcdStoreOptions *o = run->store->options;
	BcdRunCounts before;
	int			i;

	bcd_tx_begin();
	for (i = 0; i < run->nlanes; i++)
		bcd_gates_aim(run->lanes[i]->gates, bcd_store_token(o->serverid, run->lanes[i]->feed->owner));
	bcd_run_started(run->run_id, &before);
	bcd_tx_commit();
	if (strcmp(run->identity, o->identity) != 0)
		run->error = MemoryContextStrdup(run->cxt, psprintf("server \"%s\" now leads to store %s", o->server, o->identity));
	run->parked = false;
	run->store->run = run;
	/* the pause is no part of what is measured */
	run->idle = true;
	run->progress.before = run->progress.done;
	run->progress.started_at = GetCurrentTimestamp();
	bcd_sampling_begin(run, bcd_now_ms());
}
