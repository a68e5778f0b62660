/*
 * sample.c
 *		bcdelta.sample: how many rows were pending, and how many requests were
 *		made, for the charts of a report.
 *
 * Only the worker writes here, and it only appends, so nobody ever waits for
 * it.  How many rows are pending is taken from bcdelta.tally, which costs the
 * same however many there are.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "base/guc.h"
#include "tables/sample.h"

/* of the feeds of a server */
#define PENDING_COUNTS \
	" greatest(0, coalesce(sum(t.n) FILTER (WHERE t.what IN ('ready', 'waiting', 'in_flight', 'deferred')), 0)) AS pending," \
	" greatest(0, coalesce(sum(t.n) FILTER (WHERE t.what = 'failed'), 0)) AS failed," \
	" greatest(0, coalesce(sum(t.n) FILTER (WHERE t.what = 'review'), 0)) AS review" \
	" FROM bcdelta.feed AS f JOIN bcdelta.tally AS t ON t.feed = f.feed"

static BcdStatement insert_sample = {
	"INSERT INTO bcdelta.sample (server, run_id, seconds, calls, throttled, done, quota, others, pending, failed, review)"
	" SELECT $1, $2, $3, $4, $5, $6, nullif($7, 0), CASE WHEN $8 >= 0 THEN $8 END, c.pending, c.failed, c.review"
	" FROM (SELECT" PENDING_COUNTS " WHERE f.server = $1) AS c",
	8, {NAMEOID, INT8OID, FLOAT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, FLOAT8OID}
};

/* Records a sample of a run, in the caller's transaction. */
void
bcd_sample_insert(const BcdSample *s)
{
	Datum		args[8];

	args[0] = bcd_name_datum(s->server);
	args[1] = Int64GetDatum(s->run_id);
	args[2] = Float8GetDatum(s->seconds);
	args[3] = Int64GetDatum(s->calls);
	args[4] = Int64GetDatum(s->throttled);
	args[5] = Int64GetDatum(s->done);
	args[6] = Float8GetDatum(s->quota);
	args[7] = Float8GetDatum(s->others);
	(void) bcd_select(&insert_sample, args, NULL);
}

static BcdStatement insert_idle = {
	"INSERT INTO bcdelta.sample (server, seconds, pending, failed, review)"
	" SELECT c.server, 0, c.pending, c.failed, c.review"
	" FROM (SELECT f.server," PENDING_COUNTS " GROUP BY f.server) AS c"
	" LEFT JOIN LATERAL (SELECT s.at, s.pending, s.failed, s.review FROM bcdelta.sample AS s"
	"  WHERE s.server = c.server ORDER BY s.at DESC LIMIT 1) AS l ON true"
	" WHERE (l.at < pg_catalog.clock_timestamp() - $1 * interval '1 second' OR l.at IS NULL)"
	" AND (c.pending, c.failed, c.review) IS DISTINCT FROM (coalesce(l.pending, 0), coalesce(l.failed, 0), coalesce(l.review, 0))"
	" AND NOT EXISTS (SELECT FROM bcdelta.run AS r WHERE r.server = c.server AND r.state = 'running')",
	1, {INT4OID}
};

/*
 * Records samples of the servers without an active run, where something has
 * changed since the last sample, if that was long enough ago.
 */
void
bcd_samples_idle(void)
{
	Datum		arg = Int32GetDatum(bcd_sample_seconds);

	(void) bcd_select(&insert_idle, &arg, NULL);
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.sample WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM bcdelta.sample AS s"
	" WHERE s.at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/* Removes some of the samples older than this; returns their number. */
int64
bcd_samples_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return (int64) bcd_execute(&prune, args, NULL);
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.sample SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the samples of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_samples_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
