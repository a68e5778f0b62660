/*
 * lane_held.c
 *		Rows that cannot be read now, for an external reason.
 *
 * The source, or a table that the mapping reads, may be locked, or the disk
 * may be full.  Such rows stay ready, and further rounds of the run try them
 * again, at growing intervals, for a minute.  Those that remain are left to
 * another run, and this one reports the reason.  Meanwhile the run processes
 * all other rows.
 *
 * The row may be at fault after all, since its code can raise any error.
 * Therefore each later run tries such a row only once and does not wait for
 * it; and after max_attempts tries, the row fails.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "base/debug.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/run_start.h"
#include "tables/pending_wait.h"

/* Rows of a lane per round; the cause is not likely to pass within a round */
#define HELD_ROWS			3

#define PATIENCE_MS			60000
#define FIRST_NAP_MS		1000
#define NAPS				4	/* number of times it is doubled */

/*
 * Notes that this many rows of the lane could not be read, though others may
 * be readable.  After a few of them the lane rests until the next round, which
 * begins behind them: the cause will take time to pass, and other lanes should
 * have their turn.  If rows is 0, none of the lane's rows can be read.
 */
void
bcd_lane_held_up(BcdLane *lane, int rows, const char *reason)
{
	lane->held_up += rows > 0 ? rows : HELD_ROWS;
	if (lane->held_reason)
		pfree(lane->held_reason);
	lane->held_reason = MemoryContextStrdup(lane->cxt, reason);
}

/*
 * Something that an item needs cannot be read now: its row, or the row of
 * another record that matters to it.  Puts the item back into the queue for
 * another round.
 */
void
bcd_decide_held_up(BcdItem *item, const char *reason)
{
	bcd_decide_anew(item);
	bcd_decide_done(item, BCD_NO_OUTCOME, bcd_record_after(item).unsure ? BCD_LINK_FORGET : BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY;
	bcd_lane_held_up(item->lane, 1, psprintf("row %s: %s", item->key, reason));
}

/* A row that could not be read, and why */
typedef struct BcdHeldRow
{
	char	   *key;
	char	   *reason;
	bool		passed_over;	/* this run does not try it again */
} BcdHeldRow;

static BcdHeldRow *
held_row(BcdLane *lane, const char *key)
{
	ListCell   *cell;
	BcdHeldRow *held;
	MemoryContext old;

	foreach(cell, lane->held_rows)
	{
		held = lfirst(cell);
		if (strcmp(held->key, key) == 0)
			return held;
	}
	old = MemoryContextSwitchTo(lane->cxt);
	held = palloc0(sizeof(BcdHeldRow));
	held->key = pstrdup(key);
	lane->held_rows = lappend(lane->held_rows, held);
	MemoryContextSwitchTo(old);
	return held;
}

/* Gives up on a row for this run, which reports it. */
static void
pass_over(BcdItem *item, const char *reason)
{
	BcdRun	   *run = item->lane->run;
	int			attempts = item->attempts + 1;

	item->decision.attempted = true;
	if (attempts >= run->store->options->max_attempts)
	{
		bcd_decide_failed(item, BCD_FAILED,
						  psprintf("given up after %d attempts: %s", attempts, reason));
		return;
	}
	bcd_decide_done(item, BCD_RETRY, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY;
	item->decision.error = pstrdup(reason);
	if (run->complaint == NULL)
		run->complaint = MemoryContextStrdup(run->cxt,
											 psprintf("row %s of feed \"%s\" could not be read: %s",
													  item->key, item->lane->feed->name, reason));
}

/*
 * Decides on an item whose own row could not be read when it was claimed; in
 * the item's memory context.
 */
void
bcd_decide_row_held_up(BcdItem *item, const char *reason)
{
	BcdHeldRow *held = held_row(item->lane, item->key);

	if (held->passed_over)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.pending = BCD_PENDING_READY;
		item->decision.error = pstrdup(held->reason);
		return;
	}
	if (held->reason)
		pfree(held->reason);
	held->reason = MemoryContextStrdup(item->lane->cxt, reason);
	if (item->attempts == 0)
	{
		bcd_decide_held_up(item, reason);
		return;
	}
	held->passed_over = true;
	pass_over(item, reason);
}

/* Records for the next run that this run has waited for rows in vain. */
static void
note_held_rows(BcdLane *lane)
{
	int			most = list_length(lane->held_rows);
	Datum	   *keys = palloc(sizeof(Datum) * (most + 1));
	Datum	   *reasons = palloc(sizeof(Datum) * (most + 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, lane->held_rows)
	{
		BcdHeldRow *held = lfirst(cell);

		if (held->passed_over)
			continue;
		keys[n] = CStringGetTextDatum(held->key);
		reasons[n++] = CStringGetTextDatum(held->reason);
	}
	if (n == 0)
		return;
	bcd_tx_begin();
	bcd_pending_note_attempts(lane->feed->name, bcd_array(TEXTOID, keys, NULL, n),
							  bcd_array(TEXTOID, reasons, NULL, n));
	bcd_tx_commit();
}

/* Should no more rows be claimed in this round? */
bool
bcd_lane_rests(const BcdLane *lane)
{
	return lane->held_up >= HELD_ROWS;
}

/* Does the lane have rows that could not be read? */
static bool
bcd_lane_is_held_up(const BcdLane *lane)
{
	return !lane->stopped && (lane->held_up > 0 || lane->passed_over);
}

/* Leaves the rows and feeds that are held up to another run. */
static void
give_up_held(BcdRun *run)
{
	ListCell   *lc;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		if (!bcd_lane_is_held_up(run->lanes[i]))
			continue;
		note_held_rows(run->lanes[i]);
		bcd_lane_stop(run->lanes[i], run->lanes[i]->held_reason);
	}
	foreach(lc, run->late)
	{
		char	   *complaint = psprintf("feed \"%s\" was left out: it, or its source, is locked by another session",
										 (char *) lfirst(lc));

		if (run->complaint == NULL)
			run->complaint = MemoryContextStrdup(run->cxt, complaint);
	}
	run->late = NIL;
}

/*
 * Returns the milliseconds until rows or feeds that are held up should be
 * tried again, or -1: there are none.
 */
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
	if (now - run->held_since > BCD_DEBUG_TIME(PATIENCE_MS))
	{
		give_up_held(run);
		return -1;
	}
	if (run->late != NIL)
		bcd_run_add_late(run);
	run->held_rounds++;
	return FIRST_NAP_MS << Min(run->held_rounds - 1, NAPS);
}
