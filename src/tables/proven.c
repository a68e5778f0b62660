/*
 * proven.c
 *		bcdelta.proven: what was found to agree, and when.
 *
 * A proof is about all feeds of a resource. It is void as soon as one of them
 * is added, removed or altered, or leads to another store; or if the
 * differences that it found are no longer kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/proven.h"
#include "tables/total.h"

static BcdStatement select_proven = {
	"SELECT p.run_id, p.proven_at,"
	" to_char((p.watermark - make_interval(secs => $4)) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
	" to_char(p.watermark AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
	" FROM bcdelta.proven AS p WHERE p.server = $1 AND p.resource = $2 AND p.store = $3 AND p.mappings ="
	" (SELECT array_agg(f.feed_id || ':' || f.version ORDER BY f.feed_id) FROM bcdelta.feed AS f WHERE f.server = $1 AND f.resource = $2)"
	" AND EXISTS (SELECT FROM bcdelta.run AS r WHERE r.run_id = p.run_id)"
	" AND NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.server = $1 AND f.resource = $2 AND f.capture = 'none')",
	4, {NAMEOID, TEXTOID, TEXTOID, INT4OID}
};

/*
 * Reads the last proof of a resource, on which the next one can build, into the
 * current memory context; it begins some seconds before its watermark.  Returns
 * false if there is none: then everything has to be compared.  That is so, too,
 * if the changes of a feed are not captured.
 */
bool
bcd_proven_read(const char *server, const char *resource, const char *store, int slack_s, BcdProven *proven)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(resource), CStringGetTextDatum(store), Int32GetDatum(slack_s)};
	bool		isnull;

	if (bcd_select(&select_proven, args, NULL) == 0)
		return false;
	proven->run_id = bcd_column_int64(0, 1, NULL);
	proven->proven_at = DatumGetTimestampTz(bcd_column_datum(0, 2, &isnull));
	proven->from = bcd_column_text(0, 3);
	proven->watermark = bcd_column_text(0, 4);
	return true;
}

/*
 * What the links and the differences of the run say.  A difference is silent if
 * the store holds another value than it was known to hold, although the record's
 * date says that nobody has changed it since it was last found to agree.
 */
static BcdStatement upsert_proven = {
	"WITH f AS (SELECT feed FROM bcdelta.feed WHERE server = $1 AND resource = $2),"
	" before AS (SELECT * FROM bcdelta.proven WHERE server = $1 AND resource = $2 AND store = $3),"
	" since AS (SELECT CASE WHEN $7 THEN $5 ELSE coalesce((SELECT full_at FROM before), $5) END AS at),"
	" l AS (SELECT count(*) AS n, count(*) FILTER (WHERE l.pushed_at > s.at) AS written"
	"  FROM bcdelta.link AS l JOIN f USING (feed) CROSS JOIN since AS s),"
	" d AS (SELECT count(DISTINCT (d.feed, d.key)) FILTER (WHERE d.key IS NOT NULL AND d.decided IS NULL) AS rows,"
	"  count(*) FILTER (WHERE d.key IS NULL) AS strangers,"
	"  count(DISTINCT (d.feed, d.key)) FILTER (WHERE $7 AND d.kind = 'different' AND d.pushed_value IS NOT NULL"
	"   AND d.store_value IS DISTINCT FROM d.pushed_value"
	"   AND d.store_modified < (SELECT watermark FROM before) - interval '5 seconds'"
	"   AND NOT EXISTS (SELECT FROM bcdelta.discrepancy AS o WHERE o.run_id = (SELECT run_id FROM before)"
	"    AND o.feed = d.feed AND o.key = d.key)) AS silent"
	"  FROM bcdelta.discrepancy AS d JOIN f USING (feed) WHERE d.run_id = $4),"
	" p AS (SELECT coalesce(sum(n), 0) AS n FROM bcdelta.tally JOIN f USING (feed) WHERE what <> 'linked')"
	" INSERT INTO bcdelta.proven AS t (server, resource, store, mappings, full_run_id, full_at, run_id, proven_at, watermark,"
	"  counted, dated, records, written, touched, different, strangers, waiting, calls, silent_edits)"
	" SELECT $1, $2, $3,"
	" (SELECT array_agg(f.feed_id || ':' || f.version ORDER BY f.feed_id) FROM bcdelta.feed AS f WHERE f.server = $1 AND f.resource = $2),"
	" CASE WHEN $7 THEN $4 ELSE b.full_run_id END, CASE WHEN $7 THEN $5 ELSE b.full_at END,"
	"  $4, $5, $6, $8, $9, l.n, l.written, CASE WHEN $7 THEN 0 ELSE b.touched + $10 END, d.rows, d.strangers, p.n, $11,"
	"  coalesce(b.silent_edits, 0) + d.silent"
	" FROM l CROSS JOIN d CROSS JOIN p LEFT JOIN before AS b ON true"
	" WHERE $7 OR b.full_run_id IS NOT NULL"
	" ON CONFLICT (server, resource) DO UPDATE SET store = excluded.store, mappings = excluded.mappings,"
	"  full_run_id = excluded.full_run_id, full_at = excluded.full_at, run_id = excluded.run_id, proven_at = excluded.proven_at,"
	"  watermark = excluded.watermark, counted = excluded.counted, dated = excluded.dated, records = excluded.records,"
	"  written = excluded.written, touched = excluded.touched, different = excluded.different, strangers = excluded.strangers,"
	"  waiting = excluded.waiting, calls = excluded.calls, silent_edits = excluded.silent_edits"
	" RETURNING (SELECT d.silent FROM d)",
	11, {NAMEOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID, INT8OID, INT8OID}
};

/* Records a proof of a resource, which replaces the one before. */
void
bcd_proven_write(const char *server, const char *resource, const char *store, const BcdProof *proof)
{
	BcdTotal	silent = {.server = server,.what = "silent edit",.label = resource,.bucket = -1};
	Datum		args[11];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(resource);
	args[2] = CStringGetTextDatum(store);
	args[3] = Int64GetDatum(proof->run_id);
	args[4] = TimestampTzGetDatum(proof->proven_at);
	args[5] = TimestampTzGetDatum(proof->watermark);
	args[6] = BoolGetDatum(proof->full);
	args[7] = BoolGetDatum(proof->counted);
	args[8] = BoolGetDatum(proof->dated);
	args[9] = Int64GetDatum(proof->touched);
	args[10] = Int64GetDatum(proof->calls);
	if (bcd_execute(&upsert_proven, args, NULL) == 0)
		return;
	silent.n = bcd_column_int64(0, 1, NULL);
	bcd_total_add(&silent);
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.proven WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.proven SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the proofs of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_proven_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
