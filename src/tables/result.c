/*
 * result.c
 *		bcdelta.result: the outcomes of rows in runs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/outcome.h"
#include "tables/result.h"
#include "tables/rows.h"
#include "tables/run.h"
#include "tables/total.h"

static BcdStatement insert_results = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, http_status, error, request_id, parts, request, captured_at)"
	" SELECT $1, $2, n.key, nullif(n.store_id, 0), coalesce(n.address, nullif(n.store_id, 0)::text), n.outcome, nullif(n.http_status, 0), n.error, n.request_id,"
	" n.parts::jsonb, n.request::jsonb, n.captured_at"
	" FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
	" AS n(key, store_id, outcome, http_status, error, request_id, parts, address, request, captured_at)",
	12, {INT8OID, TEXTOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	TEXTARRAYOID, TIMESTAMPTZARRAYOID}
};

/* The same for a single row, which need not pay for the arrays */
static BcdStatement insert_result = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, http_status, error, request_id, parts, request, captured_at)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($10, nullif($4, 0)::text), $5, nullif($6, 0), $7, $8, $9::jsonb, $11::jsonb, $12)",
	12, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

#define COLUMNS	10

static const Oid column_types[COLUMNS] = {TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
TEXTOID, TIMESTAMPTZOID};

/* Sets the values of a result, in the order of the statements' parameters. */
static void
set_values(const void *result, Datum *values, char *nulls)
{
	const BcdResult *r = result;

	memset(nulls, ' ', COLUMNS);
	values[0] = CStringGetTextDatum(r->key);
	values[1] = Int64GetDatum(r->store_id);
	values[2] = CStringGetTextDatum(bcd_outcome_name(r->outcome));
	values[3] = Int32GetDatum(r->status);
	values[4] = bcd_filled_or_null(r->error, &nulls[4]);
	values[5] = bcd_filled_or_null(r->request_id, &nulls[5]);
	values[6] = bcd_filled_or_null(r->parts, &nulls[6]);
	values[7] = bcd_filled_or_null(r->address, &nulls[7]);
	values[8] = bcd_filled_or_null(r->request, &nulls[8]);
	values[9] = TimestampTzGetDatum(r->captured_at);
	nulls[9] = r->captured_at == 0 || TIMESTAMP_NOT_FINITE(r->captured_at) ? 'n' : ' ';
}

static void
insert_one(Datum *args, const BcdResult *result)
{
	char		nulls[] = "            ";

	set_values(result, args + 2, nulls + 2);
	(void) bcd_execute(&insert_result, args, nulls);
}

static void
insert_several(Datum *args, const BcdResult *results, int n)
{
	bcd_rows_as_arrays(results, sizeof(BcdResult), n, set_values, column_types, COLUMNS, args + 2);
	(void) bcd_execute(&insert_results, args, NULL);
}

/* Counts results by their outcome. */
static void
count_results(const char *server, const char *feed, const BcdResult *results, int n)
{
	BcdTotal	total = {.server = server,.feed = feed,.what = "row",.bucket = -1};
	int			counts[BCD_INVALID + 1] = {0};
	int			i;

	for (i = 0; i < n; i++)
		counts[results[i].outcome]++;
	for (i = 0; i < lengthof(counts); i++)
	{
		if (counts[i] == 0)
			continue;
		total.label = bcd_outcome_name(i);
		total.n = counts[i];
		bcd_total_add(&total);
	}
}

/* Records the results of some rows of a feed. */
void
bcd_results_insert(int64 run_id, const char *server, const char *feed, const BcdResult *results, int n)
{
	Datum		args[2 + COLUMNS];

	count_results(server, feed, results, n);
	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	if (n == 1)
		insert_one(args, results);
	else if (n > 1)
		insert_several(args, results, n);
}

static BcdStatement insert_interrupted = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, captured_at, outcome, error)"
	" SELECT r.run_id, p.feed, p.key, l.store_id, l.address, p.changed_at, 'retry',"
	" 'interrupted: the worker ended while the row was in flight; whether it was sent is not known, and it is tried again'"
	" FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" JOIN bcdelta.run AS r ON r.server = f.server AND r.state = 'running' AND r.kind = 'push'"
	" AND (r.feed IS NULL OR r.feed = p.feed)"
	" LEFT JOIN bcdelta.link AS l ON l.feed = p.feed AND l.key = p.key"
	" WHERE p.state = 'in_flight'"
	" RETURNING feed, (SELECT f.server::text FROM bcdelta.feed AS f WHERE f.feed = bcdelta.result.feed)",
	0, {0}
};

/*
 * When the worker starts, records that rows were interrupted which had been in
 * flight when it ended. They may have been sent, and if there were results,
 * they were lost.
 */
void
bcd_results_interrupted(void)
{
	BcdTotal	total = {.what = "row",.label = bcd_outcome_name(BCD_RETRY),.bucket = -1,.n = 1};
	uint64		n = bcd_execute(&insert_interrupted, NULL, NULL);
	SPITupleTable *table = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		total.feed = SPI_getvalue(table->vals[i], table->tupdesc, 1);
		total.server = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		bcd_total_add(&total);
	}
}

/*
 * Runs are kept longer than results, so only those are looked at that follow
 * the first one with results.
 */
static BcdStatement prune_results = {
	"DELETE FROM bcdelta.result WHERE ctid = ANY (ARRAY("
	" SELECT r.ctid FROM (" BCD_ENDED_RUNS("SELECT min(run_id) FROM bcdelta.result") ") AS u"
	" CROSS JOIN LATERAL (SELECT o.ctid FROM bcdelta.result AS o WHERE o.run_id = u.run_id OFFSET 0) AS r LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/*
 * Removes up to limit results of runs that ended at least this many days ago.
 */
int64
bcd_results_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_execute(&prune_results, args, NULL);
}
