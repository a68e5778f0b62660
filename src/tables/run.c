/*
 * run.c
 *		bcdelta.run: runs, from the request to the end.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/run.h"
#include "tables/total.h"

static BcdStatement insert_run = {
	"INSERT INTO bcdelta.run (kind, feed, server, requested_by, schedule, mode, sample, max_rows, waited, keys, condition, rollback)"
	" VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $6 = 'sample' THEN $7 END, nullif($8, 0), $9,"
	" CASE WHEN $6 IN ('keys', 'adjusted') THEN $10 END, CASE WHEN $6 = 'where' THEN $10[1] END, $11)"
	" RETURNING run_id",
	11, {TEXTOID, TEXTOID, NAMEOID, OIDOID, TEXTOID, TEXTOID, INT4OID, INT8OID, BOOLOID, TEXTARRAYOID, JSONBOID}
};

/* Inserts a run in state requested; returns its id. */
int64
bcd_run_insert(const BcdRunRequest *request)
{
	Datum		args[11];
	char		nulls[] = "           ";

	args[0] = CStringGetTextDatum(request->kind);
	args[1] = bcd_filled_or_null(request->feed, &nulls[1]);
	args[2] = bcd_name_datum(request->server);
	args[3] = ObjectIdGetDatum(request->role);
	args[4] = bcd_filled_or_null(request->schedule, &nulls[4]);
	args[5] = bcd_filled_or_null(request->mode, &nulls[5]);
	args[6] = Int32GetDatum(request->sample);
	args[7] = Int64GetDatum(request->max_rows);
	args[8] = BoolGetDatum(request->waited);
	args[9] = PointerGetDatum(request->only);
	nulls[9] = request->only ? ' ' : 'n';
	args[10] = bcd_jsonb_or_null(request->rollback, &nulls[10]);
	(void) bcd_execute(&insert_run, args, nulls);
	return bcd_column_int64(0, 1, NULL);
}

static BcdStatement start_run = {
	"UPDATE bcdelta.run SET state = 'running', paused_until = NULL, started_at = coalesce(started_at, clock_timestamp())"
	" WHERE run_id = $1"
	" RETURNING created, updated, deleted, hidden, linked, unchanged, failed, api_calls, throttled",
	1, {INT8OID}
};

/* Starts a run; one that was interrupted continues with its earlier counts. */
void
bcd_run_started(int64 run_id, BcdRunCounts *c)
{
	int64	   *const totals[] = {&c->created, &c->updated, &c->deleted, &c->hidden, &c->linked,
	&c->unchanged, &c->failed, &c->api_calls, &c->throttled};
	Datum		arg = Int64GetDatum(run_id);
	int			i;

	if (bcd_execute(&start_run, &arg, NULL) == 0)
		return;
	for (i = 0; i < lengthof(totals); i++)
		*totals[i] = bcd_column_int64(0, i + 1, NULL);
}

/* Returns the number of rows that these totals have. */
int64
bcd_run_rows_done(const BcdRunCounts *c)
{
	return c->created + c->updated + c->deleted + c->hidden + c->linked + c->unchanged + c->failed;
}

/* Counts the n runs of the last statement, which returned their server and kind. */
static void
count_ends(uint64 n, const char *state)
{
	BcdTotal	total = {.what = "run",.code = state,.bucket = -1,.n = 1};
	SPITupleTable *table = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		total.server = SPI_getvalue(table->vals[i], table->tupdesc, 1);
		total.label = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		bcd_total_add(&total);
	}
}

static BcdStatement update_run = {
	"UPDATE bcdelta.run SET state = $2, error = $3, warning = $4,"
	" finished_at = CASE WHEN $2 = 'running' THEN NULL ELSE clock_timestamp() END,"
	" created = $5, updated = $6, deleted = $7, hidden = $8, linked = $9, unchanged = $10, deferred = $11,"
	" conflicts = $12, failed = $13, api_calls = $14, throttled = $15"
	" WHERE run_id = $1 RETURNING server, kind",
	15, {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
};

/* Writes a run's state and totals. */
void
bcd_run_update(int64 run_id, const char *state, const char *error, const char *warning,
			   const BcdRunCounts *c)
{
	const int64 totals[] = {c->created, c->updated, c->deleted, c->hidden, c->linked,
	c->unchanged, c->deferred, c->conflicts, c->failed, c->api_calls, c->throttled};
	Datum		args[4 + lengthof(totals)];
	char		nulls[] = "               ";
	uint64		n;
	int			i;

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(state);
	args[2] = bcd_filled_or_null(error, &nulls[2]);
	args[3] = bcd_filled_or_null(warning, &nulls[3]);
	for (i = 0; i < lengthof(totals); i++)
		args[4 + i] = Int64GetDatum(totals[i]);
	n = bcd_execute(&update_run, args, nulls);
	if (strcmp(state, "running") != 0)
		count_ends(n, state);
}

static BcdStatement fail_run = {
	"UPDATE bcdelta.run SET state = $2, error = $3, finished_at = clock_timestamp()"
	" WHERE run_id = $1 AND state IN ('requested', 'running') RETURNING server, kind",
	3, {INT8OID, TEXTOID, TEXTOID}
};

/* Ends a run that is not in memory. Returns false if it had ended before. */
bool
bcd_run_fail(int64 run_id, const char *state, const char *error)
{
	Datum		args[3];
	char		nulls[] = "   ";
	uint64		n;

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(state);
	args[2] = bcd_filled_or_null(error, &nulls[2]);
	n = bcd_execute(&fail_run, args, nulls);
	count_ends(n, state);
	return n > 0;
}

/* Results that were recorded after the totals were last written */
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
	" WHERE state IN ('requested', 'running') AND waited RETURNING server, kind",
	0, {0}
};
static BcdStatement resume_others = {
	"UPDATE bcdelta.run SET state = 'requested' WHERE state = 'running'",
	0, {0}
};

/*
 * When the worker starts, ends the runs that sessions waited for, because
 * those sessions have lost them. Other runs continue.
 */
void
bcd_run_recover(void)
{
	(void) bcd_execute(&count_results, NULL, NULL);
	count_ends(bcd_execute(&fail_waited, NULL, NULL), "failed");
	(void) bcd_execute(&resume_others, NULL, NULL);
}

static BcdStatement read_run = {
	"SELECT kind, feed, server::text, mode, sample::int8, max_rows, waited, requested_by::oid::int8,"
	" CASE WHEN mode IN ('keys', 'adjusted') THEN keys WHEN mode = 'where' THEN ARRAY[condition] END, rollback"
	" FROM bcdelta.run WHERE run_id = $1",
	1, {INT8OID}
};

/*
 * Reads a run's request into the current memory context. Returns false if
 * there is no such run.
 */
bool
bcd_run_read(int64 run_id, BcdRunRequest *request)
{
	Datum		arg = Int64GetDatum(run_id);
	Datum		only;
	bool		isnull;

	memset(request, 0, sizeof(*request));
	if (bcd_select(&read_run, &arg, NULL) == 0)
		return false;
	request->kind = bcd_column_text(0, 1);
	request->feed = bcd_column_text(0, 2);
	request->server = bcd_column_text(0, 3);
	request->mode = bcd_column_text(0, 4);
	request->sample = (int) bcd_column_int64(0, 5, NULL);
	request->max_rows = bcd_column_int64(0, 6, NULL);
	request->waited = bcd_column_bool(0, 7);
	request->role = (Oid) bcd_column_int64(0, 8, NULL);
	only = bcd_column_datum(0, 9, &isnull);
	request->only = isnull ? NULL : DatumGetArrayTypePCopy(only);
	request->rollback = bcd_column_jsonb(0, 10);
	return true;
}

static BcdStatement select_run = {
	"SELECT r, r.state, r.error, r.server FROM bcdelta.run AS r WHERE r.run_id = $1",
	1, {INT8OID}
};

/* Reads a run's row as of now. Returns false if there is none. */
bool
bcd_run_read_newest(int64 run_id, BcdRunRow *run)
{
	Datum		arg = Int64GetDatum(run_id);
	bool		isnull;

	if (bcd_query_newest(&select_run, &arg, NULL, 1) != 1)
		return false;
	run->row = bcd_column_datum(0, 1, &isnull);
	run->state = bcd_column_text(0, 2);
	run->error = bcd_column_text(0, 3);
	run->server = bcd_column_text(0, 4);
	return true;
}

static BcdStatement has_written = {
	"SELECT created + updated + deleted + hidden > 0 FROM bcdelta.run WHERE run_id = $1",
	1, {INT8OID}
};

/* Has a run written anything, according to its totals? */
bool
bcd_run_wrote(int64 run_id)
{
	Datum		arg = Int64GetDatum(run_id);

	return bcd_query_newest(&has_written, &arg, NULL, 1) == 1 && bcd_column_bool(0, 1);
}

/*
 * A run is kept while anything of it is: its results, what it found, what can
 * be undone of it.  The last one of each feed and of each store is shown by
 * bcdelta.status; schedules and proofs refer to runs, too.  The oldest runs are
 * looked at, and no others, so that this costs the same however many there are.
 */
#define PRUNE_RUNS(which) \
	"DELETE FROM bcdelta.run WHERE run_id = ANY (ARRAY(" \
	" SELECT u.run_id FROM (SELECT run_id, server, feed, finished_at FROM bcdelta.run" which " ORDER BY run_id LIMIT $2) AS u" \
	" WHERE u.finished_at < now() - $1 * interval '1 day'" \
	" AND EXISTS (SELECT FROM bcdelta.run AS o WHERE o.run_id > u.run_id AND o.server = u.server" \
	"  AND CASE WHEN u.feed IS NULL THEN o.feed IS NULL ELSE o.feed = u.feed END)" \
	" AND NOT EXISTS (SELECT FROM bcdelta.result AS o WHERE o.run_id = u.run_id)" \
	" AND NOT EXISTS (SELECT FROM bcdelta.discrepancy AS o WHERE o.run_id = u.run_id)" \
	" AND NOT EXISTS (SELECT FROM bcdelta.rollback_field AS o WHERE o.run_id = u.run_id)" \
	" AND NOT EXISTS (SELECT FROM bcdelta.undo AS o WHERE o.run_id = u.run_id)" \
	" AND NOT EXISTS (SELECT FROM bcdelta.proven AS o WHERE u.run_id IN (o.run_id, o.full_run_id))" \
	" AND NOT EXISTS (SELECT FROM bcdelta.schedule AS o WHERE o.last_run_id = u.run_id)))"

static BcdStatement prune_runs = {PRUNE_RUNS(""), 2, {INT4OID, INT8OID}};
static BcdStatement prune_immediate = {PRUNE_RUNS(" WHERE mode = 'immediate'"), 2, {INT4OID, INT8OID}};

/*
 * Removes runs that ended at least this many days ago, among the limit oldest
 * ones; returns their number.
 */
int64
bcd_runs_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_execute(&prune_runs, args, NULL);
}

/*
 * The same for runs that commits have started, of which there may be one each
 * second.
 */
int64
bcd_runs_prune_immediate(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_execute(&prune_immediate, args, NULL);
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.run SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the runs of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_runs_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
