/*
 * result.c
 *		bcdelta.result: the outcomes of rows in runs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/outcome.h"
#include "tables/result.h"

static BcdStatement insert_results = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, http_status, error, request_id, parts)"
	" SELECT $1, $2, n.key, nullif(n.store_id, 0), coalesce(n.address, nullif(n.store_id, 0)::text), n.outcome, nullif(n.http_status, 0), n.error, n.request_id,"
	" n.parts::jsonb"
	" FROM unnest($3, $4, $5, $6, $7, $8, $9, $10) AS n(key, store_id, outcome, http_status, error, request_id, parts, address)",
	10, {INT8OID, TEXTOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/* The same for a single row, which need not pay for the arrays */
static BcdStatement insert_result = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, http_status, error, request_id, parts)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($10, nullif($4, 0)::text), $5, nullif($6, 0), $7, $8, $9::jsonb)",
	10, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

#define COLUMNS	8

/* Sets the values of a result, in the order of the statements' parameters. */
static void
set_values(const BcdResult *r, Datum *values, char *nulls)
{
	memset(nulls, ' ', COLUMNS);
	values[0] = CStringGetTextDatum(r->key);
	values[1] = Int64GetDatum(r->store_id);
	values[2] = CStringGetTextDatum(bcd_outcome_name(r->outcome));
	values[3] = Int32GetDatum(r->status);
	values[4] = bcd_filled_or_null(r->error, &nulls[4]);
	values[5] = bcd_filled_or_null(r->request_id, &nulls[5]);
	values[6] = bcd_filled_or_null(r->parts, &nulls[6]);
	values[7] = bcd_filled_or_null(r->address, &nulls[7]);
}

static void
insert_one(Datum *args, const BcdResult *result)
{
	char		nulls[] = "          ";

	set_values(result, args + 2, nulls + 2);
	(void) bcd_execute(&insert_result, args, nulls);
}

static void
insert_several(Datum *args, const BcdResult *results, int n)
{
	static const Oid types[COLUMNS] = {TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum	   *values[COLUMNS];
	bool	   *nulls[COLUMNS];
	int			i;
	int			j;

	for (j = 0; j < COLUMNS; j++)
	{
		values[j] = palloc(sizeof(Datum) * n);
		nulls[j] = palloc(sizeof(bool) * n);
	}
	for (i = 0; i < n; i++)
	{
		Datum		row[COLUMNS];
		char		isnull[COLUMNS];

		set_values(&results[i], row, isnull);
		for (j = 0; j < COLUMNS; j++)
		{
			values[j][i] = row[j];
			nulls[j][i] = isnull[j] == 'n';
		}
	}
	for (j = 0; j < COLUMNS; j++)
		args[2 + j] = bcd_array(types[j], values[j], nulls[j], n);
	(void) bcd_execute(&insert_results, args, NULL);
}

/* Records the results of some rows of a feed. */
void
bcd_results_insert(int64 run_id, const char *feed, const BcdResult *results, int n)
{
	Datum		args[2 + COLUMNS];

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	if (n == 1)
		insert_one(args, results);
	else if (n > 1)
		insert_several(args, results, n);
}

static BcdStatement insert_interrupted = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, error)"
	" SELECT r.run_id, p.feed, p.key, l.store_id, l.address, 'retry',"
	" 'interrupted: the worker ended while the row was in flight; whether it was sent is not known, and it is tried again'"
	" FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" JOIN bcdelta.run AS r ON r.server = f.server AND r.state = 'running' AND r.kind = 'push'"
	" AND (r.feed IS NULL OR r.feed = p.feed)"
	" LEFT JOIN bcdelta.link AS l ON l.feed = p.feed AND l.key = p.key"
	" WHERE p.state = 'in_flight'",
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
	(void) bcd_execute(&insert_interrupted, NULL, NULL);
}

static BcdStatement prune_results = {
	"DELETE FROM bcdelta.result WHERE ctid = ANY (ARRAY("
	" SELECT r.ctid FROM bcdelta.result AS r JOIN bcdelta.run AS u USING (run_id)"
	" WHERE u.finished_at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/*
 * Removes up to limit results of runs that ended at least this many days ago.
 */
int64
bcd_results_prune(int days, int limit)
{
	Datum		args[2];

	args[0] = Int32GetDatum(days);
	args[1] = Int64GetDatum(limit);
	return bcd_execute(&prune_results, args, NULL);
}
