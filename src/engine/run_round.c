/*
 * run_round.c
 *		The rounds of a run: from lane to lane, and what it goes on for.
 *
 * After the last lane rows may be left that were not there when the run came
 * by: their time or their reference has come, or they changed meanwhile.  A
 * run goes another round for them, and waits for those that are due soon, but
 * not without end where others keep changing rows.
 */
#include "postgres.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/deferred.h"
#include "engine/endpoint_trouble.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/lane_held.h"
#include "engine/lookup_list.h"
#include "engine/queue.h"
#include "engine/run_round.h"
#include "engine/run_start.h"

/* Further rounds for rows that changed while the run went on */
#define EXTRA_ROUNDS		3

/*
 * After the last lane: is there something for another round?  Returns ms
 * until there is, 0: now, -1: no, the run is over.
 */
static int64
next_round(BcdRun *run)
{
	int64		next_ms;
	bool		ready;
	bool		old;
	int64		done;
	int64		woken;
	int64		nap;

	if (!run->kind->claims || (run->max_rows > 0 && run->claimed >= run->max_rows))
		return -1;
	bcd_fold_all();
	nap = bcd_held_nap(run, bcd_now_ms());
	bcd_tx_begin();
	woken = bcd_queue_wake(run, &next_ms);
	woken += bcd_deferred_wake(run);
	woken += bcd_early_wake(run, &next_ms);
	ready = bcd_queue_has_ready(run);
	old = ready && bcd_queue_count_old(run, 1) > 0;
	bcd_tx_commit();
	if (nap >= 0)
		return next_ms < 0 ? nap : Min(nap, next_ms);
	if (ready && (woken > 0 || run->progressed))
		return 0;
	/* what was there when the run began is done, for as long as some of it is */
	done = run->counts.created + run->counts.updated + run->counts.deleted + run->counts.hidden +
		run->counts.linked +
		run->counts.unchanged + run->counts.failed;
	if (old && done != run->done_by_round)
	{
		run->done_by_round = done;
		return 0;
	}
	if (ready && run->extra_rounds++ < EXTRA_ROUNDS)
		return 0;
	return next_ms;
}

static void
start_round(BcdRun *run)
{
	int			i;

	run->current = 0;
	run->progressed = false;
	run->spread = bcd_random();
	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];

		lane->exhausted = lane->stopped;
		lane->passed_over = bcd_lane_rests(lane) && lane->cursor != NULL;
		if (!lane->passed_over)
			bcd_queue_claimed(lane, NULL);
		lane->held_up = 0;
		/* requests of unknown fate may have made records since it was read */
		bcd_index_free(lane);
	}
}

/* A lane has nothing more to claim: does another one that goes by the same gates? */
bool
bcd_go_on_claiming(BcdRun *run)
{
	const BcdLane *next = bcd_gates_claimant(run->lanes[run->current]->gates);
	int			i;

	for (i = 0; next && run->lanes[i] != next; i++)
		;
	if (next)
		run->current = i;
	return next != NULL;
}

/* Is a lane, whose gates are empty, to be gone through once more? */
static bool
goes_on(BcdRun *run, BcdLane *lane)
{
	if (lane->stopped ||
		!(lane->freed || (run->kind->lane_done && run->kind->lane_done(run, lane))))
		return false;
	/* rows of this feed may have waited for each other: children */
	lane->freed = false;
	lane->exhausted = false;
	bcd_queue_claimed(lane, NULL);
	return true;
}

/* The gates of a lane are empty: on to its next phase, to the next lane, the next round. */
int64
bcd_advance(BcdRun *run, int64 now)
{
	const BcdGates *gates = run->nlanes > 0 ? run->lanes[run->current]->gates : NULL;
	bool		more = false;
	int64		wait;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == gates)
		{
			more |= goes_on(run, run->lanes[i]);
			run->current = i + 1;
		}
	if (more)
	{
		run->current--;
		(void) bcd_go_on_claiming(run);
		return 0;
	}
	if (run->current < run->nlanes)
		return 0;
	wait = next_round(run);
	if (wait < 0)
		return -1;
	run->resting = wait > 0;
	if (run->resting)
		run->wake_at = now + wait;
	start_round(run);
	return wait;
}
