/*
 * rollback.c
 *		The run that undoes what other runs have written.
 *
 * Its items are records, with all writes to them that bcdelta.undo has.  Each
 * record is read, and only what it still has as we wrote it gets its old
 * value; what happens then is as in a push: the same tasks, batches, turns and
 * retries.  What it writes is noted like that of a push, so a rollback can be
 * rolled back.
 *
 * Two passes keep references intact.  First, records are made again and
 * updated, feed by feed in the order of a push, and those that refer to others
 * of their kind in a later round, when these have their new ids; then records
 * that were created are hidden or deleted, in the opposite order.
 *
 * Rows are not claimed: a push of the same store cannot run at the same time.
 * What the link knows is forgotten before a record is written, so if the worker
 * dies, the next push reads the record.  What is undone is marked so with the
 * outcome; the rest is found again when the rollback continues.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/change.h"
#include "engine/claim.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "feed/feed.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "tables/feed_state.h"
#include "tables/journal.h"
#include "tables/undo.h"
#include "verbs/kinds.h"
#include "verbs/rollback.h"

static bool
is_true(Jsonb *request, const char *name)
{
	char	   *text = bcd_payload_text(request, name);

	return text && strcmp(text, "true") == 0;
}

static BcdUndoCreated
created_from(const char *word)
{
	return strcmp(word, "keep") == 0 ? BCD_CREATED_KEEP : strcmp(word, "delete") == 0 ? BCD_CREATED_DELETE : BCD_CREATED_HIDE;
}

/* Sets the runs that are rolled back; an array, or 0: there are none. */
static void
set_runs(BcdRollback *rollback, Datum runs)
{
	Datum	   *elements;
	bool	   *nulls;
	int			i;

	if (runs == (Datum) 0)
		return;
	deconstruct_array(DatumGetArrayTypeP(runs), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &rollback->nruns);
	rollback->runs = palloc(sizeof(int64) * rollback->nruns);
	for (i = 0; i < rollback->nruns; i++)
		rollback->runs[i] = DatumGetInt64(elements[i]);
	rollback->run_ids = runs;
}

/* Reads the request, into the run's memory. */
static void
read_request(BcdRun *run, const char *server, Jsonb *request)
{
	MemoryContext old = MemoryContextSwitchTo(run->cxt);
	BcdRollback *rollback = palloc0(sizeof(BcdRollback));
	char	   *since = bcd_payload_text(request, "since");
	Datum		runs;

	rollback->preview = is_true(request, "preview");
	rollback->force = is_true(request, "force");
	rollback->holds = strcmp(bcd_payload_text(request, "after"), "hold") == 0;
	rollback->created = created_from(bcd_payload_text(request, "created"));
	rollback->again = since != NULL;
	if (since)
	{
		rollback->since = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(since),
																  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		runs = bcd_undo_runs_since(server, run->feed, rollback->since, run->run_id);
	}
	else
	{
		Datum		run_id = Int64GetDatum(bcd_payload_integer(request, "run_id"));

		TIMESTAMP_NOBEGIN(rollback->since);
		runs = bcd_array(INT8OID, &run_id, NULL, 1);
	}
	MemoryContextSwitchTo(run->cxt);
	set_runs(rollback, runs);
	run->rollback = rollback;
	MemoryContextSwitchTo(old);
}

/* Feeds whose records are set back would write the new values again. */
static void
pause_feed(const BcdRun *run, const char *feed, Jsonb *request)
{
	char	   *after = bcd_payload_text(request, "after");
	char	   *reason = bcd_payload_text(request, "since") ?
	psprintf("what was written since %s is undone by run " INT64_FORMAT, bcd_payload_text(request, "since"), run->run_id) :
	psprintf("run " INT64_FORMAT " is undone by run " INT64_FORMAT, bcd_payload_integer(request, "run_id"), run->run_id);

	if (!run->rollback->preview && strcmp(after, "pause") == 0)
		bcd_feed_pause(feed, reason);
}

/* Who wanted this is in the journal. */
static void
note_decision(const BcdRun *run, const BcdRunRequest *request)
{
	BcdJournalEntry decision = {.what = "rollback",.server = request->server,.feed = run->feed};

	decision.by = OidIsValid(request->role) ? GetUserNameFromId(request->role, true) : NULL;
	decision.detail = bcd_payload_set_integer(request->rollback, "by_run", run->run_id);
	(void) bcd_journal(&decision);
}

/* The name of the role that wants this; it may have been dropped since. */
static char *
role_of(const BcdRun *run, const BcdRunRequest *request)
{
	char	   *name = OidIsValid(request->role) ? GetUserNameFromId(request->role, true) : NULL;

	return MemoryContextStrdup(run->cxt, name ? name : "");
}

/* Returns the names of the feeds that have written something. */
static List *
rollback_feeds(BcdRun *run, const BcdRunRequest *request)
{
	List	   *names = NIL;
	ListCell   *lc;

	read_request(run, request->server, request->rollback);
	run->rollback->role = role_of(run, request);
	if (!run->rollback->preview)
		note_decision(run, request);
	foreach(lc, run->rollback->nruns > 0 ? bcd_undo_feeds(run->rollback->run_ids, run->rollback->since, run->feed) : NIL)
	{
		const BcdUndoScope *scope = lfirst(lc);
		BcdFeed    *feed = bcd_feed_read(scope->feed, true);

		if (feed == NULL || feed->feed_id != scope->feed_id)
		{
			run->warning = MemoryContextStrdup(run->cxt, psprintf("feed \"%s\" was untracked or unlinked since; its records are left as they are", scope->feed));
			continue;
		}
		pause_feed(run, scope->feed, request->rollback);
		names = lappend(names, pstrdup(scope->feed));
	}
	return names;
}

/* Where the lane continues; what a claim has found counts once it is committed. */
static void
start_claim(BcdLane *lane)
{
	if (lane->failures == 0)
		lane->undo_at = lane->undo_next;
	lane->undo_next = lane->undo_at;
}

/* Quantities are changed by differences, whatever pushes do. */
static void
count_differences(BcdLane *lane)
{
	BcdFeed    *feed = lane->feed;
	MemoryContext old = MemoryContextSwitchTo(lane->cxt);

	if (lane->undo_options == NULL)
	{
		lane->undo_differences = bcd_counting_facet(feed->resource, feed->options_json) != NULL;
		lane->undo_options = bcd_counting_options(feed->resource, feed->options_json);
	}
	MemoryContextSwitchTo(old);
	feed->options_json = lane->undo_options;
}

/*
 * Is this write beyond the limit of the run? Only records that are still there
 * count for one: whoever limits a rollback rehearses it.
 */
static bool
is_beyond(BcdRun *run, const BcdUndone *write)
{
	BcdRollback *rollback = run->rollback;

	if (run->max_rows == 0 || rollback->only || write->undone)
		return false;
	return strcmp(write->action, "updated") != 0 || rollback->taken++ >= run->max_rows;
}

/* Is a write not for this round? */
static bool
is_skipped(BcdRun *run, const BcdUndone *write)
{
	const BcdRollback *rollback = run->rollback;

	return (write->undone && !rollback->again) || is_beyond(run, write) ||
		(rollback->only && !hash_search(rollback->only, &write->undo_id, HASH_FIND, NULL));
}

/*
 * Makes items, in this memory context, of the next writes of the lane's run that
 * is looked at; returns false if there are none.  What is read for a write is
 * freed at once, since most may have nothing to undo.
 */
static bool
look_at_writes(BcdRun *run, BcdLane *lane, const BcdUndoScope *scope, MemoryContext cxt, List **items)
{
	List	   *writes;
	ListCell   *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	writes = bcd_undo_next(scope, run->rollback->runs[lane->undo_next.run],
						   lane->undo_next.undo_id > 0 ? lane->undo_next.undo_id : PG_INT64_MAX, lane->claim_rows);
	foreach(lc, writes)
	{
		BcdUndone  *write = lfirst(lc);
		BcdItem    *item = NULL;
		MemoryContext old;

		lane->undo_next.undo_id = write->undo_id;
		if (is_skipped(run, write))
			continue;
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		item = bcd_rollback_item(lane, scope, write);
		SPI_finish();
		old = MemoryContextSwitchTo(cxt);
		if (item)
			*items = lappend(*items, item);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return writes != NIL;
}

/*
 * Returns the next items: the records that the last writes not looked at yet
 * were for.  There may be thousands of writes before the first item.
 */
static List *
rollback_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	BcdRollback *rollback = run->rollback;
	BcdUndoScope scope = {lane->feed->name, lane->feed->feed_id, rollback->run_ids, rollback->since};
	int64		began = bcd_now_ms();
	List	   *items = NIL;

	start_claim(lane);
	/* what the store has sold since stays sold */
	count_differences(lane);
	lane->unseen = false;
	while (items == NIL && lane->undo_next.run < rollback->nruns && !lane->unseen)
	{
		if (!look_at_writes(run, lane, &scope, cxt, &items))
		{
			lane->undo_next.run++;
			lane->undo_next.undo_id = 0;
		}
		lane->unseen = items == NIL && bcd_now_ms() - began > BCD_CLAIM_MAX_MS;
	}
	return items;
}

/* Begins another round with the writes that were left to it, if there are any. */
static bool
next_round(BcdRun *run)
{
	BcdRollback *rollback = run->rollback;
	HTAB	   *last = rollback->only;
	int			i;

	rollback->stuck = last && rollback->later && hash_get_num_entries(rollback->later) == hash_get_num_entries(last);
	rollback->only = rollback->later;
	rollback->later = NULL;
	if (last)
		hash_destroy(last);
	for (i = 0; i < run->nlanes; i++)
		memset(&run->lanes[i]->undo_next, 0, sizeof(run->lanes[i]->undo_next));
	return rollback->only != NULL;
}

/* After the first pass, begins the second one, from the last lane to the first. */
static bool
rollback_again(BcdRun *run)
{
	int			i;

	if (run->rollback == NULL)
		return false;
	if (run->rollback->removing)
	{
		if (run->rollback->preview)
			bcd_rollback_estimate(run);
		return false;
	}
	if (next_round(run))
		return true;
	run->rollback->removing = true;
	for (i = 0; i < run->nlanes / 2; i++)
	{
		BcdLane    *lane = run->lanes[i];

		run->lanes[i] = run->lanes[run->nlanes - 1 - i];
		run->lanes[run->nlanes - 1 - i] = lane;
	}
	return run->nlanes > 0;
}

/* Is an item at its end, and not because something has failed? */
static bool
is_done(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->leaves && item->unit &&
		(d->outcome == BCD_UNCHANGED || d->outcome == BCD_CREATED || d->outcome == BCD_UPDATED || d->outcome == BCD_HIDDEN ||
		 d->outcome == BCD_DELETED || d->outcome == BCD_LINKED);
}

/* Has what an item was to undo been undone, as far as it can be? */
static bool
is_undone(const BcdItem *item)
{
	return is_done(item) && !item->unit->kept;
}

/* It is not known whether a quantity was changed: a push puts the row into review. */
static void
mark(const BcdItem *item)
{
	BcdChanges *changes = bcd_changes_begin(item->lane->feed->feed_id);

	bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(item->key));
	bcd_changes_end(changes);
}

/* With the outcome of items: marks what they have undone. */
static void
rollback_record(BcdLane *lane, BcdItem **items, int n)
{
	BcdRun	   *run = lane->run;
	Datum	   *ids;
	int			nids = 0;
	int			i;
	int			j;

	if (run->rollback->preview)
		return;
	for (i = 0; i < n; i++)
		if (is_done(items[i]))
			bcd_rollback_hold(items[i]);
		else if (items[i]->decision.leaves && bcd_record_after(items[i]).in_doubt && lane->undo_differences)
			mark(items[i]);
	for (i = 0; i < n; i++)
		nids += is_undone(items[i]) ? items[i]->unit->nids : 0;
	if (nids == 0)
		return;
	ids = palloc(sizeof(Datum) * nids);
	nids = 0;
	for (i = 0; i < n; i++)
		for (j = 0; is_undone(items[i]) && j < items[i]->unit->nids; j++)
			ids[nids++] = Int64GetDatum(items[i]->unit->ids[j]);
	bcd_undo_done(bcd_array(INT8OID, ids, NULL, nids), run->rollback->run_ids, run->rollback->again, run->run_id);
}

const BcdRunKind bcd_rollback_kind = {
	.name = "rollback",
	.writes = true,
	.results = true,
	.feeds = rollback_feeds,
	.claim = rollback_claim,
	.decide_lookup = bcd_rollback_lookup,
	.decide_read = bcd_rollback_read,
	.record = rollback_record,
	.again = rollback_again,
};
