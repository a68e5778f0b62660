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

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static BcdStatement insert_results = {
	"INSERT INTO bcdelta.result (run_id, feed, key, store_id, address, outcome, http_status, error, request_id, parts)"
	" SELECT $1, $2, n.key, nullif(n.store_id, 0), nullif(n.store_id, 0)::text, n.outcome, nullif(n.http_status, 0), n.error, n.request_id,"
	" n.parts::jsonb"
	" FROM unnest($3, $4, $5, $6, $7, $8, $9) AS n(key, store_id, outcome, http_status, error, request_id, parts)",
	9, {INT8OID, TEXTOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/* Records the results of some rows of a feed. */
void
bcd_results_insert(int64 run_id, const char *feed, const BcdResult *results, int n)
{
	static const Oid types[] = {TEXTOID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID};
	Datum	   *values[lengthof(types)];
	bool	   *nulls[lengthof(types)];
	Datum		args[2 + lengthof(types)];
	int			i;

	if (n == 0)
		return;
	for (i = 0; i < lengthof(types); i++)
	{
		values[i] = palloc(sizeof(Datum) * n);
		nulls[i] = palloc0(sizeof(bool) * n);
	}
	for (i = 0; i < n; i++)
	{
		const BcdResult *r = &results[i];

		values[0][i] = CStringGetTextDatum(r->key);
		values[1][i] = Int64GetDatum(r->store_id);
		values[2][i] = CStringGetTextDatum(bcd_outcome_name(r->outcome));
		values[3][i] = Int32GetDatum(r->status);
		values[4][i] = text_or_null(r->error, &nulls[4][i]);
		values[5][i] = text_or_null(r->request_id, &nulls[5][i]);
		values[6][i] = text_or_null(r->parts, &nulls[6][i]);
	}
	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	for (i = 0; i < lengthof(types); i++)
		args[2 + i] = bcd_array(types[i], values[i], nulls[i], n);
	(void) bcd_execute(&insert_results, args, NULL);
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
