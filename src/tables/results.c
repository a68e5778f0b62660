/*
 * results.c
 *		Every statement on bcdelta.run, result, discrepancy, and the state
 *		of feeds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "engine/engine.h"
#include "feed/pause_log.h"
#include "tables/outcome.h"
#include "tables/results.h"

static bool
is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Where an empty text says nothing, unlike an empty key or value */
static Datum
given_or_null(const char *text, char *null)
{
	return bcd_text_or_null(is_given(text) ? text : NULL, null);
}

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

static BcdStatement insert_run = {
	"INSERT INTO bcdelta.run (kind, feed, server, requested_by, schedule, mode, sample, max_rows, waited)"
	" VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $6 = 'sample' THEN $7 END, nullif($8, 0), $9)"
	" RETURNING run_id",
	9, {TEXTOID, TEXTOID, NAMEOID, OIDOID, TEXTOID, TEXTOID, INT4OID, INT8OID, BOOLOID}
};

/* A new run in state requested; returns its id. */
int64
bcd_run_insert(const BcdRunRequest *request)
{
	Datum		args[9];
	char		nulls[] = "         ";

	args[0] = CStringGetTextDatum(request->kind);
	args[1] = given_or_null(request->feed, &nulls[1]);
	args[2] = name_datum(request->server);
	args[3] = ObjectIdGetDatum(request->role);
	args[4] = given_or_null(request->schedule, &nulls[4]);
	args[5] = given_or_null(request->mode, &nulls[5]);
	args[6] = Int32GetDatum(request->sample);
	args[7] = Int64GetDatum(request->max_rows);
	args[8] = BoolGetDatum(request->waited);
	(void) bcd_execute(&insert_run, args, nulls);
	return bcd_column_int64(0, 1, NULL);
}

static BcdStatement start_run = {
	"UPDATE bcdelta.run SET state = 'running', started_at = coalesce(started_at, clock_timestamp())"
	" WHERE run_id = $1"
	" RETURNING created, updated, deleted, hidden, linked, unchanged, failed, api_calls, throttled",
	1, {INT8OID}
};

/* A push that goes on after an interruption goes on counting. */
void
bcd_run_started(BcdRun *run)
{
	BcdRunCounts *c = &run->counts;
	int64	   *const totals[] = {&c->created, &c->updated, &c->deleted, &c->hidden, &c->linked,
	&c->unchanged, &c->failed, &c->api_calls, &c->throttled};
	Datum		arg = Int64GetDatum(run->run_id);
	int			i;

	if (bcd_execute(&start_run, &arg, NULL) == 0 || !run->kind->claims)
		return;
	for (i = 0; i < lengthof(totals); i++)
		*totals[i] = bcd_column_int64(0, i + 1, NULL);
}

static BcdStatement update_run = {
	"UPDATE bcdelta.run SET state = $2, error = $3, warning = $4,"
	" finished_at = CASE WHEN $2 = 'running' THEN NULL ELSE clock_timestamp() END,"
	" created = $5, updated = $6, deleted = $7, hidden = $8, linked = $9, unchanged = $10, deferred = $11,"
	" conflicts = $12, failed = $13, api_calls = $14, throttled = $15"
	" WHERE run_id = $1",
	15, {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
};

/* Writes a run's state and totals. */
void
bcd_run_update(BcdRun *run, const char *state)
{
	const BcdRunCounts *c = &run->counts;
	const int64 totals[] = {c->created, c->updated, c->deleted, c->hidden, c->linked,
	c->unchanged, c->deferred, c->conflicts, c->failed, c->api_calls, c->throttled};
	const char *error = run->error ? run->error : run->cancelled ? run->cancel_reason : run->complaint;
	Datum		args[4 + lengthof(totals)];
	char		nulls[] = "               ";
	int			i;

	args[0] = Int64GetDatum(run->run_id);
	args[1] = CStringGetTextDatum(state);
	args[2] = given_or_null(error, &nulls[2]);
	args[3] = given_or_null(run->warning, &nulls[3]);
	for (i = 0; i < lengthof(totals); i++)
		args[4 + i] = Int64GetDatum(totals[i]);
	(void) bcd_execute(&update_run, args, nulls);
}

static BcdStatement fail_run = {
	"UPDATE bcdelta.run SET state = $2, error = $3, finished_at = clock_timestamp()"
	" WHERE run_id = $1 AND state IN ('requested', 'running')",
	3, {INT8OID, TEXTOID, TEXTOID}
};

/* Ends a run that is not in memory; false when it had ended before. */
bool
bcd_run_fail(int64 run_id, const char *state, const char *error)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(state);
	args[2] = given_or_null(error, &nulls[2]);
	return bcd_execute(&fail_run, args, nulls) > 0;
}

/* What was recorded after the totals were written last */
static BcdStatement count_results = {
	"UPDATE bcdelta.run AS r SET created = c.created, updated = c.updated, deleted = c.deleted,"
	" hidden = c.hidden, linked = c.linked, unchanged = c.unchanged, failed = c.failed FROM ("
	"  SELECT run_id, count(*) FILTER (WHERE outcome = 'created') AS created,"
	"  count(*) FILTER (WHERE outcome = 'updated') AS updated,"
	"  count(*) FILTER (WHERE outcome = 'deleted') AS deleted,"
	"  count(*) FILTER (WHERE outcome = 'hidden') AS hidden,"
	"  count(*) FILTER (WHERE outcome = 'linked') AS linked,"
	"  count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,"
	"  count(*) FILTER (WHERE outcome IN ('failed', 'invalid')) AS failed"
	"  FROM bcdelta.result WHERE run_id IN ("
	"   SELECT run_id FROM bcdelta.run WHERE state = 'running' AND kind = 'push')"
	"  GROUP BY run_id) AS c WHERE r.run_id = c.run_id",
	0, {0}
};
static BcdStatement fail_waited = {
	"UPDATE bcdelta.run SET state = 'failed', finished_at = clock_timestamp(),"
	" error = 'interrupted: the worker was restarted; what was not pushed is still pending'"
	" WHERE state IN ('requested', 'running') AND waited",
	0, {0}
};
static BcdStatement resume_others = {
	"UPDATE bcdelta.run SET state = 'requested' WHERE state = 'running'",
	0, {0}
};

/*
 * When the worker starts: a run that a session waited for has lost it; the
 * others go on.
 */
void
bcd_run_recover(void)
{
	(void) bcd_execute(&count_results, NULL, NULL);
	(void) bcd_execute(&fail_waited, NULL, NULL);
	(void) bcd_execute(&resume_others, NULL, NULL);
}

static BcdStatement read_run = {
	"SELECT kind, feed, server::text, mode, sample::int8, max_rows, waited, requested_by::oid::int8"
	" FROM bcdelta.run WHERE run_id = $1",
	1, {INT8OID}
};

/* Reads what was asked for into the current context; false: no such run. */
bool
bcd_run_read(int64 run_id, BcdRunRequest *request)
{
	Datum		arg = Int64GetDatum(run_id);

	memset(request, 0, sizeof(*request));
	if (bcd_execute(&read_run, &arg, NULL) == 0)
		return false;
	request->kind = bcd_column_text(0, 1);
	request->feed = bcd_column_text(0, 2);
	request->server = bcd_column_text(0, 3);
	request->mode = bcd_column_text(0, 4);
	request->sample = (int) bcd_column_int64(0, 5, NULL);
	request->max_rows = bcd_column_int64(0, 6, NULL);
	request->waited = bcd_column_bool(0, 7);
	request->role = (Oid) bcd_column_int64(0, 8, NULL);
	return true;
}

static BcdStatement insert_results = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, outcome, http_status, error, request_id)"
	" SELECT $1, $2, n.key, nullif(n.store_id, 0), n.outcome, nullif(n.http_status, 0), n.error, n.request_id"
	" FROM unnest($3, $4, $5, $6, $7, $8) AS n(key, store_id, outcome, http_status, error, request_id)",
	8, {INT8OID, TEXTOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/* Records the decisions on items, where there is something to tell. */
void
bcd_results_insert(BcdLane *lane, BcdItem **items, int n)
{
	static const Oid types[] = {TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID};
	Datum	   *values[lengthof(types)];
	bool	   *nulls[lengthof(types)];
	Datum		args[2 + lengthof(types)];
	int			rows = 0;
	int			i;

	for (i = 0; i < lengthof(types); i++)
	{
		values[i] = palloc(sizeof(Datum) * n);
		nulls[i] = palloc0(sizeof(bool) * n);
	}
	for (i = 0; i < n; i++)
	{
		const BcdDecision *d = &items[i]->decision;

		if (d->outcome == BCD_NO_OUTCOME)
			continue;
		values[0][rows] = CStringGetTextDatum(items[i]->key);
		values[1][rows] = Int64GetDatum(items[i]->store_id);
		values[2][rows] = CStringGetTextDatum(bcd_outcome_name(d->outcome));
		values[3][rows] = Int32GetDatum(d->status);
		nulls[4][rows] = !is_given(d->error);
		values[4][rows] = is_given(d->error) ? CStringGetTextDatum(d->error) : (Datum) 0;
		nulls[5][rows] = !is_given(d->request_id);
		values[5][rows] = is_given(d->request_id) ? CStringGetTextDatum(d->request_id) : (Datum) 0;
		rows++;
	}
	if (rows == 0)
		return;
	args[0] = Int64GetDatum(lane->run->run_id);
	args[1] = CStringGetTextDatum(lane->feed->name);
	for (i = 0; i < lengthof(types); i++)
		args[2 + i] = bcd_array(types[i], values[i], nulls[i], rows);
	(void) bcd_execute(&insert_results, args, NULL);
}

static BcdStatement insert_interrupted = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, outcome, error)"
	" SELECT r.run_id, p.feed, p.key, l.store_id, 'retry',"
	" 'interrupted: the worker ended while the row was in flight; whether it was sent is not known, and it is tried again'"
	" FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" JOIN bcdelta.run AS r ON r.server = f.server AND r.state = 'running' AND r.kind = 'push'"
	" AND (r.feed IS NULL OR r.feed = p.feed)"
	" LEFT JOIN bcdelta.link AS l ON l.feed = p.feed AND l.key = p.key"
	" WHERE p.state = 'in_flight'",
	0, {0}
};

/*
 * When the worker starts: rows that were in flight when it ended were perhaps
 * sent, and their results, if there were any, went with it.
 */
void
bcd_results_interrupted(void)
{
	(void) bcd_execute(&insert_interrupted, NULL, NULL);
}

static BcdStatement insert_discrepancy = {
	"INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, kind, field, source_value, store_value)"
	" VALUES ($1, $2, $3, nullif($4, 0), $5, $6, $7, $8)",
	8, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/* Records a difference and counts it. */
void
bcd_discrepancy_insert(BcdLane *lane, const char *key, int64 store_id, const char *kind,
					   const char *field, const char *source_value, const char *store_value)
{
	Datum		args[8];
	char		nulls[] = "        ";

	args[0] = Int64GetDatum(lane->run->run_id);
	args[1] = CStringGetTextDatum(lane->feed->name);
	args[2] = bcd_text_or_null(key, &nulls[2]);
	args[3] = Int64GetDatum(store_id);
	args[4] = CStringGetTextDatum(kind);
	args[5] = bcd_text_or_null(field, &nulls[5]);
	args[6] = bcd_text_or_null(source_value, &nulls[6]);
	args[7] = bcd_text_or_null(store_value, &nulls[7]);
	(void) bcd_execute(&insert_discrepancy, args, nulls);
}

static BcdStatement list_feeds = {
	"SELECT feed FROM bcdelta.feed WHERE server = $1 AND ($2 IS NULL OR feed = $2) ORDER BY feed_id",
	2, {NAMEOID, TEXTOID}
};

/* The names of a server's feeds (or the one feed), in the current context. */
List *
bcd_feeds_of(const char *server, const char *feed)
{
	Datum		args[2];
	char		nulls[] = "  ";
	List	   *names = NIL;
	uint64		n;
	uint64		i;

	args[0] = name_datum(server);
	args[1] = given_or_null(feed, &nulls[1]);
	n = bcd_execute(&list_feeds, args, nulls);
	for (i = 0; i < n; i++)
		names = lappend(names, bcd_column_text(i, 1));
	return names;
}

static BcdStatement feed_state = {
	"SELECT state = 'active', coalesce(paused_reason, 'it is paused') FROM bcdelta.feed WHERE feed_id = $1",
	1, {INT4OID}
};

/* Why a feed is not pushed any more: paused, or untracked.  NULL: it is pushed. */
char *
bcd_feed_halted(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	if (bcd_execute(&feed_state, &arg, NULL) == 0)
		return "it was untracked";
	return bcd_column_bool(0, 1) ? NULL : bcd_column_text(0, 2);
}

static BcdStatement feed_version = {
	"SELECT version = $2 FROM bcdelta.feed WHERE feed_id = $1",
	2, {INT4OID, INT4OID}
};

/* Has somebody called alter_feed() since this feed was read? */
bool
bcd_feed_is_altered(const BcdFeed *feed)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed->feed_id);
	args[1] = Int32GetDatum(feed->version);
	return bcd_execute(&feed_version, args, NULL) > 0 && !bcd_column_bool(0, 1);
}

static BcdStatement pause_feed = {
	"UPDATE bcdelta.feed SET state = 'paused', paused_reason = $2 WHERE feed = $1 AND state <> 'paused'"
	" AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = $1 FOR NO KEY UPDATE SKIP LOCKED)"
	" RETURNING feed, paused_reason",
	2, {TEXTOID, TEXTOID}
};

/*
 * Pauses a feed; one that is paused already keeps its reason.  Who has its row
 * locked is about to change it, and is not waited for.
 */
void
bcd_feed_pause(const char *feed, const char *reason)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(reason);
	bcd_pauses_tell(bcd_execute(&pause_feed, args, NULL));
}

static BcdStatement disown_feeds = {
	"UPDATE bcdelta.feed SET owner = 0 WHERE feed IN (SELECT f.feed FROM bcdelta.feed AS f"
	"  WHERE f.owner <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = f.owner)"
	"  FOR NO KEY UPDATE SKIP LOCKED) RETURNING feed",
	0, {0}
};

static BcdStatement disown_schedules = {
	"UPDATE bcdelta.schedule SET owner = 0 WHERE name IN (SELECT s.name FROM bcdelta.schedule AS s"
	"  WHERE s.owner <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = s.owner)"
	"  FOR NO KEY UPDATE SKIP LOCKED)",
	0, {0}
};

/*
 * Takes the OIDs of dropped roles off, before they are somebody else's: of
 * another role here, or of one where a dump is restored.  Pauses the feeds.
 */
void
bcd_disown(void)
{
	uint64		n;
	uint64		i;
	List	   *feeds = NIL;
	ListCell   *lc;

	(void) bcd_execute(&disown_schedules, NULL, NULL);
	n = bcd_execute(&disown_feeds, NULL, NULL);
	for (i = 0; i < n; i++)
		feeds = lappend(feeds, bcd_column_text(i, 1));
	foreach(lc, feeds)
		bcd_feed_pause(lfirst(lc), psprintf("its owner does not exist any more. %s", bcd_owner_hint(lfirst(lc))));
}

static BcdStatement prune_results = {
	"DELETE FROM bcdelta.result WHERE ctid = ANY (ARRAY("
	" SELECT r.ctid FROM bcdelta.result AS r JOIN bcdelta.run AS u USING (run_id)"
	" WHERE u.finished_at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/* Removes up to limit results of runs that ended so many days ago. */
int64
bcd_results_prune(int days, int limit)
{
	Datum		args[2];

	args[0] = Int32GetDatum(days);
	args[1] = Int64GetDatum(limit);
	return bcd_execute(&prune_results, args, NULL);
}
