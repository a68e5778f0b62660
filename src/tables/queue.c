/*
 * queue.c
 *		The statements on bcdelta.pending, but for those that record
 *		decisions (record.c, lost_create.c).
 *
 * Only the worker writes pending, so nobody else's lock stands in its way.
 * A claim commits the rows as in_flight before the first request for them;
 * the decision commits what came of it.  A row that is found in_flight when
 * the worker starts may or may not have reached the store: what the store
 * holds of it is forgotten, and the row is ready again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "resource/resource.h"
#include "tables/link_write.h"
#include "tables/queue.h"
#include "tables/tally.h"

/*
 * Claims in the order of keys, each time from the last key on: so no claim
 * steps over the dead index entries of those before it.  A feed that was
 * paused or altered meanwhile has nothing to claim.  A row and its link are found one by
 * one, whatever the tables looked like when this was planned.
 */
static BcdStatement claim = {
	"WITH c AS ("
	"  SELECT ctid AS tid FROM bcdelta.pending"
	"  WHERE state = 'ready' AND feed = $1 AND " BEHIND_CURSOR
	"  AND EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1 AND f.state = 'active'"
	"   AND f.feed_id = $4 AND f.version = $5)"
	"  ORDER BY key LIMIT $3),"
	" u AS ("
	"  UPDATE bcdelta.pending AS p SET state = 'in_flight', again = false, next_attempt_at = NULL,"
	"  trouble = NULL, early_at = NULL"
	"  WHERE p.ctid = ANY (ARRAY(SELECT tid FROM c))"
	"  RETURNING p.key, p.attempts, p.sought)"
	" SELECT u.key, u.attempts, l.store_id, l.payload, u.sought, l.remembered, l.aside FROM u LEFT JOIN LATERAL ("
	"  SELECT o.store_id, o.payload, o.remembered, o.aside FROM bcdelta.link AS o WHERE o.feed = $1 AND o.key = u.key LIMIT 1) AS l ON true"
	" ORDER BY u.key",
	5, {TEXTOID, TEXTOID, INT8OID, INT4OID, INT4OID}
};

/*
 * Claims up to limit ready rows of the lane's feed, in a transaction of the
 * caller, as items that are in no queue yet; the list is in cxt.
 */
List *
bcd_queue_claim(BcdLane *lane, int64 limit, MemoryContext cxt)
{
	Datum		args[5];
	char		nulls[] = "     ";
	List	   *items = NIL;
	uint64		n;
	uint64		i;

	bcd_plans_fit();
	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = bcd_text_or_null(lane->cursor, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	args[3] = Int32GetDatum(lane->feed->feed_id);
	args[4] = Int32GetDatum(lane->feed->version);
	n = bcd_execute(&claim, args, nulls);
	for (i = 0; i < n; i++)
	{
		BcdItem    *item = bcd_item_create(lane, bcd_column_text(i, 1));
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		bool		isnull;

		item->attempts = DatumGetInt32(bcd_column_datum(i, 2, &isnull));
		item->group = bcd_item_group(lane, item->attempts);
		item->store_id = bcd_column_int64(i, 3, NULL);
		item->linked = item->store_id != 0;
		item->known = bcd_column_jsonb(i, 4);
		item->sought = bcd_column_jsonb(i, 5);
		item->remembered = bcd_column_jsonb(i, 6);
		item->aside = bcd_column_jsonb(i, 7);
		MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
	}
	return items;
}

/* After the claim is committed: the next one goes on behind this key. */
void
bcd_queue_claimed(BcdLane *lane, const char *last_key)
{
	if (lane->cursor)
		pfree(lane->cursor);
	lane->cursor = last_key ? MemoryContextStrdup(lane->cxt, last_key) : NULL;
}

static BcdStatement recover_links = {
	"UPDATE bcdelta.link AS l SET" FORGET_PAYLOAD("$3")
	" FROM (SELECT feed, key FROM bcdelta.pending"
	"  WHERE state = 'in_flight' AND ($1 IS NULL OR feed = ANY ($1)) OFFSET 0) AS p"
	" CROSS JOIN LATERAL (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = p.feed AND f.resource = $2 LIMIT 1) AS f"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o WHERE o.feed = f.feed AND o.key = p.key LIMIT 1) AS o"
	" WHERE l.ctid = o.tid",
	3, {TEXTARRAYOID, TEXTOID, TEXTOID}
};
static BcdStatement recover_pending = {
	"UPDATE bcdelta.pending SET state = 'ready', again = false"
	" WHERE state = 'in_flight' AND ($1 IS NULL OR feed = ANY ($1))",
	1, {TEXTARRAYOID}
};
static BcdStatement drop_orphans = {
	"DELETE FROM bcdelta.pending AS p"
	" WHERE NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = p.feed)",
	0, {0}
};

static Datum feed_names(const BcdRun *run, bool active);

/*
 * What is marked as in flight is not: when the worker starts (run NULL: all),
 * and before a run begins, should the rows come from a dump.
 */
void
bcd_queue_recover(const BcdRun *run)
{
	Datum		args[3];
	char		nulls[] = "   ";
	int			i;

	nulls[0] = run ? ' ' : 'n';
	args[0] = run ? feed_names(run, false) : (Datum) 0;
	for (i = 0; bcd_resource_nth(i); i++)
	{
		args[1] = CStringGetTextDatum(bcd_resource_nth(i)->name);
		args[2] = bcd_text_or_null(bcd_resource_nth(i)->hidden_by, &nulls[2]);
		(void) bcd_execute(&recover_links, args, nulls);
	}
	(void) bcd_execute(&recover_pending, args, nulls);
	if (run == NULL)
		(void) bcd_execute(&drop_orphans, NULL, NULL);
}

/* The names of a run's feeds as a text array; active: without the stopped. */
static Datum
feed_names(const BcdRun *run, bool active)
{
	Datum	   *names = palloc(sizeof(Datum) * (run->nlanes + 1));
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (!active || !run->lanes[i]->stopped)
			names[n++] = CStringGetTextDatum(run->lanes[i]->feed->name);
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static BcdStatement release_pending = {
	"UPDATE bcdelta.pending SET state = 'ready', again = false"
	" WHERE state = 'in_flight' AND feed = ANY ($1)",
	1, {TEXTARRAYOID}
};

/* At the end of a run: what it claimed and did not send is ready again. */
void
bcd_queue_release(BcdRun *run)
{
	Datum		feeds = feed_names(run, false);

	(void) bcd_execute(&release_pending, &feeds, NULL);
}

/* One feed after the other, since an index leads to the first row of a feed only */
static BcdStatement first_due = {
	"SELECT min(w.next_attempt_at) FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"  SELECT p.next_attempt_at FROM bcdelta.pending AS p WHERE p.state = 'waiting' AND p.feed = f.feed"
	"  ORDER BY p.next_attempt_at LIMIT 1) AS w",
	1, {TEXTARRAYOID}
};

/*
 * Rows that wait for each other have to come back together: all that wait for
 * a row do.
 */
static BcdStatement wake_waiting = {
	"UPDATE bcdelta.pending SET state = 'ready', next_attempt_at = NULL, waits_feed = NULL, waits_key = NULL"
	" WHERE ctid = ANY (ARRAY("
	"  SELECT w.tid FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"   SELECT p.ctid AS tid FROM bcdelta.pending AS p"
	"   WHERE p.state = 'waiting' AND p.feed = f.feed AND p.next_attempt_at <= $2 OFFSET 0) AS w"
	"  UNION ALL"
	"  SELECT w.tid FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"   SELECT p.ctid AS tid FROM bcdelta.pending AS p"
	"   WHERE p.state = 'waiting' AND p.feed = f.feed AND p.waits_key IS NOT NULL OFFSET 0) AS w))",
	2, {TEXTARRAYOID, TIMESTAMPTZOID}
};

/* With what is due goes what is almost due: they may share requests. */
#define ALMOST_DUE_MS	1000

/* 0: it is over */
int64
bcd_ms_until(TimestampTz at)
{
	TimestampTz now = GetCurrentTimestamp();

	return at <= now ? 0 : (at - now + 999) / 1000;
}

/* Milliseconds until the first of the feeds' waiting rows is due; -1: none waits. */
static int64
next_due(Datum feeds)
{
	bool		isnull;
	Datum		due;

	(void) bcd_execute(&first_due, &feeds, NULL);
	due = bcd_column_datum(0, 1, &isnull);
	if (isnull)
		return -1;
	return bcd_ms_until(DatumGetTimestampTz(due));
}

/*
 * Makes rows ready whose time has come.
 *
 * Returns their number; *next_ms: milliseconds until more of them are due,
 * or -1 when none is waiting.  What is not due is not read.
 */
int64
bcd_queue_wake(BcdRun *run, int64 *next_ms)
{
	Datum		args[2];
	int64		n;

	args[0] = feed_names(run, true);
	*next_ms = next_due(args[0]);
	if (*next_ms != 0)
		return 0;
	args[1] = TimestampTzGetDatum(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ALMOST_DUE_MS));
	n = bcd_execute(&wake_waiting, args, NULL);
	*next_ms = next_due(args[0]);
	return n;
}

static BcdStatement select_ready = {
	"SELECT FROM bcdelta.pending WHERE state = 'ready' AND feed = ANY ($1) LIMIT 1",
	1, {TEXTARRAYOID}
};

/* Is a row of the run's feeds ready? */
bool
bcd_queue_has_ready(BcdRun *run)
{
	Datum		feeds = feed_names(run, true);

	return bcd_execute(&select_ready, &feeds, NULL) > 0;
}

static BcdStatement count_old = {
	"SELECT count(*) FROM (SELECT FROM bcdelta.pending"
	" WHERE state = 'ready' AND feed = ANY ($1) AND changed_at <= $2 LIMIT $3) AS old",
	3, {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID}
};

/*
 * How many rows of the run's feeds are ready that had changed before the run
 * began; up to most (0: all).
 */
int64
bcd_queue_count_old(BcdRun *run, int64 most)
{
	char		nulls[] = "   ";
	Datum		args[3];

	args[0] = feed_names(run, true);
	args[1] = TimestampTzGetDatum(run->began);
	args[2] = Int64GetDatum(most);
	nulls[2] = most > 0 ? ' ' : 'n';
	(void) bcd_execute(&count_old, args, nulls);
	return bcd_column_int64(0, 1, NULL);
}

/* How many rows of the run's feeds are in one of these states. */
static int64
count_in(const BcdRun *run, const char *const *states, int nstates)
{
	const char **feeds = palloc(sizeof(char *) * Max(run->nlanes, 1));
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (!run->lanes[i]->stopped)
			feeds[n++] = run->lanes[i]->feed->name;
	return bcd_tally_of(feeds, n, states, nstates);
}

/* How many are in a state. */
int64
bcd_queue_count(BcdRun *run, const char *state)
{
	return count_in(run, &state, 1);
}

/*
 * How many rows a push has in all: those that are done, and those that it is
 * going to look at.  Rows that come back for another attempt are no more rows.
 */
void
bcd_queue_expect(BcdRun *run)
{
	static const char *const states[] = {"ready", "in_flight", "waiting"};
	BcdProgress *p = &run->progress;

	p->total = p->done + count_in(run, states, lengthof(states));
	if (run->max_rows > 0)
		p->total = Min(p->total, run->max_rows);
}

static BcdStatement count_fresh = {
	"SELECT count(*) FROM ("
	" SELECT FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" WHERE p.feed = $1 AND p.state = 'ready'"
	" AND p.changed_at > coalesce(f.resumed_at, '-infinity') LIMIT $2) AS fresh",
	2, {TEXTOID, INT8OID}
};

/* Are more than limit rows of a feed ready that changed since its last resume? */
bool
bcd_queue_exceeds(const char *feed, int64 limit)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = Int64GetDatum(limit + 1);
	(void) bcd_execute(&count_fresh, args, NULL);
	return bcd_column_int64(0, 1, NULL) > limit;
}

static BcdStatement retry = {
	"UPDATE bcdelta.pending SET state = 'ready', attempts = 0, next_attempt_at = NULL,"
	" last_error = NULL"
	" WHERE (state = 'failed' OR $3 AND state = 'waiting') AND ($1 IS NULL OR feed = $1)"
	" AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.server = $2)",
	3, {TEXTOID, NAMEOID, BOOLOID}
};

/*
 * Failed rows of a feed (NULL: of all feeds of the server) to ready, and on
 * demand those that wait.
 */
int64
bcd_queue_retry(const char *feed, const char *server, bool waiting)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = bcd_text_or_null(feed, &nulls[0]);
	args[1] = bcd_name_datum(server);
	args[2] = BoolGetDatum(waiting);
	return bcd_execute(&retry, args, nulls);
}

/* Does a query about a row find it? */
static bool
finds(BcdStatement *statement, const char *feed, const char *key)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	return bcd_execute(statement, args, NULL) > 0;
}

static BcdStatement pending_key = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state NOT IN ('failed', 'review')",
	2, {TEXTOID, TEXTOID}
};

/* Does a row have a change that is still to be pushed? */
bool
bcd_queue_is_pending(const char *feed, const char *key)
{
	return finds(&pending_key, feed, key);
}

/*
 * Rows that were given up for what another one had, from row $2 of feed $1 on:
 * each waits for the next one.  Where that leads to one that is on its way, they
 * wait for nothing else.
 */
static BcdStatement revive = {
	"WITH RECURSIVE chain (feed, key) AS ("
	"  SELECT $1, $2"
	"  UNION"
	"  SELECT p.waits_feed, p.waits_key FROM chain JOIN bcdelta.pending AS p USING (feed, key)"
	"  WHERE p.state = 'failed' AND p.waits_key IS NOT NULL)"
	"UPDATE bcdelta.pending AS p SET state = 'ready', attempts = 0, waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL FROM chain"
	" WHERE p.feed = chain.feed AND p.key = chain.key AND p.state = 'failed' AND p.waits_feed IS NOT NULL"
	" AND EXISTS (SELECT FROM chain JOIN bcdelta.pending AS o USING (feed, key)"
	"  WHERE o.state IN ('ready', 'in_flight', 'waiting'))",
	2, {TEXTOID, TEXTOID}
};

/*
 * A row wants what the record of another one has that was given up.  If that was
 * because it waits for this row or another one that is pushed, perhaps by way of
 * others, they may all be written now, and are ready.  False: it was not.
 */
bool
bcd_queue_revive(const char *feed, const char *key)
{
	return finds(&revive, feed, key);
}

static BcdStatement in_flight_key = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state = 'in_flight'",
	2, {TEXTOID, TEXTOID}
};

/* Is a row claimed, so that a request for it may be under way? */
bool
bcd_queue_is_in_flight(const char *feed, const char *key)
{
	return finds(&in_flight_key, feed, key);
}

static BcdStatement in_progress = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state IN ('ready', 'in_flight', 'waiting')",
	2, {TEXTOID, TEXTOID}
};

/* Is a row going to be pushed, without anybody's help? */
bool
bcd_queue_is_in_progress(const char *feed, const char *key)
{
	return finds(&in_progress, feed, key);
}
