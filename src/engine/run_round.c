/*
 * run_round.c
 *		The rounds of a run: moves on from lane to lane, and decides whether
 *		another round is needed.
 *
 * After the last lane, rows may be left that were not ready when the run
 * passed them: they came due, the row they refer to was linked, or they
 * changed in the meantime.  A run adds another round for them, and waits for
 * those that are due soon; but the number of rounds is limited, since other
 * sessions may keep changing rows forever.
 */
#include "postgres.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/companions.h"
#include "engine/deferred.h"
#include "engine/directory.h"
#include "engine/endpoint_trouble.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/lane_held.h"
#include "engine/lookup_list.h"
#include "engine/queue.h"
#include "engine/run_round.h"
#include "engine/run_start.h"

/* Additional rounds for rows that changed during the run */
#define EXTRA_ROUNDS		3

/* A run does not wait for rows that are due later than that */
#define LONG_WAIT_MS		(10 * 60 * 1000)

/*
 * Decides, after the last lane, whether there is anything for another round.
 * Returns the milliseconds until there is, 0: now, or -1: no, the run is over.
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

	if (run->kind->again && run->kind->again(run))
		return 0;
	if (!run->kind->claims || (run->max_rows > 0 && run->claimed >= run->max_rows))
		return -1;
	bcd_fold_all();
	nap = bcd_held_nap(run, bcd_now_ms());
	bcd_tx_begin();
	woken = bcd_queue_wake(run, &next_ms);
	woken += bcd_deferred_wake(run);
	woken += bcd_early_wake(run, &next_ms);
	if (next_ms > LONG_WAIT_MS)
		next_ms = -1;
	ready = bcd_queue_has_ready(run);
	old = ready && bcd_queue_count_old(run, 1) > 0;
	bcd_tx_commit();
	if (nap >= 0)
		return next_ms < 0 ? nap : Min(nap, next_ms);
	if (ready && (woken > 0 || run->progressed))
		return 0;

	/*
	 * rows that were ready when the run began are due, as long as a round
	 * finishes some
	 */
	done = bcd_run_rows_done(&run->counts);
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
		bcd_companions_anew(lane);

		/*
		 * creates whose reply was lost may have made records since it was
		 * read
		 */
		bcd_index_free(lane);
	}
}

/*
 * The current lane has nothing more to claim.  Makes another lane with the
 * same gates the current one, if one still has.
 */
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

/* Does a lane whose gates are empty have to be processed again? */
static bool
goes_on(BcdRun *run, BcdLane *lane)
{
	if (lane->stopped ||
		!(lane->freed || (run->kind->lane_done && run->kind->lane_done(run, lane))))
		return false;
	/* rows of this feed may have waited for each other, as children do */
	lane->freed = false;
	lane->exhausted = false;
	bcd_queue_claimed(lane, NULL);
	return true;
}

/*
 * The gates of the current lane are empty: moves on to its next phase, the
 * next lane, or the next round.
 */
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
	bcd_directory_refresh(run);
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
