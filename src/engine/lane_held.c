/*
 * lane_held.c
 *		Rows that cannot be read now, through no fault of their own.
 *
 * Somebody has locked the source, or a table that the mapping reads; or there
 * is no disk space for what it sorts.  Such rows stay ready, and are looked at
 * again in further rounds of the run, ever more seldom, for a minute; what is
 * left then is another run's, and this one says what it was.  Meanwhile it
 * goes on with all others.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/run_start.h"

/* So many rows of a lane in one round; what they need will not be there soon */
#define HELD_ROWS			3

#define PATIENCE_MS			60000
#define FIRST_NAP_MS		1000
#define NAPS				4	/* doubled so often */

/*
 * So many rows of the lane could not be read, but others may be.  After some
 * of them the lane rests until the next round, which begins behind them: what
 * keeps them from being read will take some time to pass, and others have a
 * right to theirs.
 */
void
bcd_lane_held_up(BcdLane *lane, int rows, const char *reason)
{
	lane->held_up += rows > 0 ? rows : HELD_ROWS;
	if (lane->held_reason)
		pfree(lane->held_reason);
	lane->held_reason = MemoryContextStrdup(lane->cxt, reason);
}

/* Are no more rows to be claimed in this round? */
bool
bcd_lane_rests(const BcdLane *lane)
{
	return lane->held_up >= HELD_ROWS;
}

/* Does the lane have rows that could not be read? */
bool
bcd_lane_is_held_up(const BcdLane *lane)
{
	return !lane->stopped && (lane->held_up > 0 || lane->passed_over);
}

/* What holds up rows goes on for too long: they are left to another run. */
static void
give_up_held(BcdRun *run)
{
	ListCell   *lc;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (bcd_lane_is_held_up(run->lanes[i]))
			bcd_lane_stop(run->lanes[i], run->lanes[i]->held_reason);
	foreach(lc, run->late)
	{
		char	   *complaint = psprintf("feed \"%s\" was left out: it, or its source, is locked by another session",
										 (char *) lfirst(lc));

		if (run->complaint == NULL)
			run->complaint = MemoryContextStrdup(run->cxt, complaint);
	}
	run->late = NIL;
}

/* Rows or feeds that are held up: ms until they are to be looked at again, or -1 */
int64
bcd_held_nap(BcdRun *run, int64 now)
{
	bool		held = run->late != NIL;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		held |= bcd_lane_is_held_up(run->lanes[i]);
	if (!held)
	{
		run->held_rounds = 0;
		return -1;
	}
	if (run->held_rounds == 0)
		run->held_since = now;
	if (now - run->held_since > PATIENCE_MS)
	{
		give_up_held(run);
		return -1;
	}
	if (run->late != NIL)
		bcd_run_add_late(run);
	run->held_rounds++;
	return FIRST_NAP_MS << Min(run->held_rounds - 1, NAPS);
}
