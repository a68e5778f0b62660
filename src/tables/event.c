/*
 * event.c
 *		bcdelta.event: what a person should know of, from its beginning to its
 *		end.
 *
 * What is wrong is computed by the view bcdelta.trouble, never remembered
 * where it arises: so it does not matter who caused a problem or who mended
 * it, and a worker that was killed in between still tells both.  Each event
 * is sent as a notification in the transaction that records it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/event.h"

bool		bcd_events_expected = true;

/*
 * The notification of a row: a JSON object. PostgreSQL takes less than 8,000
 * bytes, and a character of a text may take six of them in JSON.
 */
#define PAYLOAD(row, over, message, more) \
	"pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('event', " row ".event, 'severity', " row ".severity," \
	" 'server', " row ".server, 'feed', " row ".feed, 'schedule', " row ".schedule, 'run_id', " row ".run_id, 'detail', " row ".detail," \
	" 'text', " message ", 'over', " over ", 'at', " row ".at" more "))::text"

#define NOTIFY_WITH(row, over, more) \
	"pg_catalog.pg_notify('bcdelta', CASE WHEN pg_catalog.octet_length(" PAYLOAD(row, over, row ".message", more) ") < 7900" \
	" THEN " PAYLOAD(row, over, row ".message", more) \
	" ELSE " PAYLOAD(row, over, "pg_catalog.left(" row ".message, 500)", "") " END)"

#define NOTIFY(row, over)	NOTIFY_WITH(row, over, "")

#define SAME(a, b) \
	a ".event = " b ".event AND (" a ".server, " a ".feed, " a ".schedule)" \
	" IS NOT DISTINCT FROM (" b ".server, " b ".feed, " b ".schedule)"

/*
 * Only the worker writes here, so what it reads does not change meanwhile. A
 * problem that goes on in other words is no new one.  Feeds of a server with the
 * same problem, such as a token that has expired, are told of together.
 */
#define AHEAD	"pg_catalog.format('feed \"%s\": ', feed)"
#define RESUME	"pg_catalog.format('bcdelta.resume(%L)', feed)"

static BcdStatement compare = {
	"WITH t AS MATERIALIZED (SELECT * FROM bcdelta.trouble),"
	" ended AS (UPDATE bcdelta.event AS e SET over_at = pg_catalog.clock_timestamp()"
	"  WHERE e.over_at IS NULL AND NOT EXISTS (SELECT FROM t WHERE " SAME("t", "e") ") RETURNING e.*),"
	" goes_on AS (UPDATE bcdelta.event AS e SET severity = t.severity, run_id = t.run_id, message = t.message FROM t"
	"  WHERE e.over_at IS NULL AND " SAME("t", "e")
	"  AND (e.severity, e.run_id, e.message) IS DISTINCT FROM (t.severity, t.run_id, t.message)),"
	" begun AS (INSERT INTO bcdelta.event (event, severity, server, feed, schedule, run_id, message)"
	"  SELECT t.event, t.severity, t.server, t.feed, t.schedule, t.run_id, t.message FROM t"
	"  WHERE NOT EXISTS (SELECT FROM bcdelta.event AS e WHERE e.over_at IS NULL AND " SAME("t", "e") ") RETURNING *),"
	" told AS (SELECT *, false AS over FROM begun UNION ALL SELECT *, true FROM ended),"
	" w AS (SELECT *, CASE WHEN schedule IS NULL AND pg_catalog.starts_with(message, " AHEAD ")"
	"  THEN pg_catalog.replace(pg_catalog.substr(message, pg_catalog.length(" AHEAD ") + 1), " RESUME ", 'bcdelta.resume()') END AS words FROM told),"
	" g AS (SELECT event, severity, server, over, min(at) AS at, min(schedule) AS schedule, min(run_id) AS run_id, min(detail) AS detail,"
	"  CASE count(*) WHEN 1 THEN min(feed) END AS feed, CASE WHEN count(*) > 1 THEN array_agg(feed ORDER BY feed) END AS feeds,"
	"  CASE count(*) WHEN 1 THEN min(message) ELSE pg_catalog.format('feeds %s: %s', string_agg(pg_catalog.format('\"%s\"', feed), ', ' ORDER BY feed),"
	"   pg_catalog.replace(pg_catalog.replace(pg_catalog.regexp_replace(words, '^it is paused', 'they are paused'), ' resumes it', ' resumes them'),"
	"    'bcdelta.resume()', string_agg(" RESUME ", ', ' ORDER BY feed))) END AS message"
	"  FROM w GROUP BY event, severity, server, over, words, CASE WHEN words IS NULL THEN event_id END)"
	" SELECT g.event, g.severity, g.message, g.over, " NOTIFY_WITH("g", "g.over", ", 'feeds', g.feeds") " FROM g",
	0, {0}
};

/*
 * Records the problems that have begun, and those that are over, since the
 * last call; returns them as BcdEvent structs, in the current memory context.
 */
List *
bcd_events_compare(void)
{
	uint64		n = bcd_select(&compare, NULL, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdEvent   *e = palloc(sizeof(BcdEvent));

		e->event = bcd_column_text(i, 1);
		e->severity = bcd_column_text(i, 2);
		e->message = bcd_column_text(i, 3);
		e->over = bcd_column_bool(i, 4);
		list = lappend(list, e);
	}
	return list;
}

static BcdStatement worker_back = {
	"WITH e AS (INSERT INTO bcdelta.event (event, severity, message, over_at)"
	"  SELECT 'worker_back', 'warning', $1, pg_catalog.clock_timestamp()"
	"  WHERE EXISTS (SELECT FROM bcdelta.feed) RETURNING *)"
	" SELECT " NOTIFY("e", "true") " FROM e",
	1, {TEXTOID}
};

/* Nothing is recorded in a database without feeds; returns whether it was. */
bool
bcd_event_worker_back(const char *message)
{
	Datum		arg = CStringGetTextDatum(message);

	return bcd_select(&worker_back, &arg, NULL) > 0;
}

static BcdStatement cutover = {
	"WITH e AS (INSERT INTO bcdelta.event (event, severity, server, run_id, message, detail, over_at)"
	"  VALUES ('cutover', $2, $1, nullif($5, 0), $4, $3, pg_catalog.clock_timestamp()) RETURNING *)"
	" SELECT " NOTIFY("e", "true") " FROM e",
	5, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
};

/* Something of a plan; detail: the event of message() that is due, or NULL. */
void
bcd_event_cutover(const char *server, const char *severity, const char *detail, const char *message, int64 run_id)
{
	char		nulls[] = "     ";
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(severity), 0, CStringGetTextDatum(message), Int64GetDatum(run_id)};

	args[2] = bcd_text_or_null(detail, &nulls[2]);
	(void) bcd_select(&cutover, args, nulls);
}

static BcdStatement rolled_back = {
	"WITH e AS (INSERT INTO bcdelta.event (event, severity, server, run_id, message, detail, over_at)"
	"  SELECT 'cutover', 'warning', c.server, $2, pg_catalog.format('run %s has taken back what was written to server \"%s\"', $2, c.server),"
	"   'rolled_back', pg_catalog.clock_timestamp() FROM bcdelta.cutover AS c"
	"  WHERE c.plan_id = (SELECT max(p.plan_id) FROM bcdelta.cutover AS p WHERE p.server = $1)"
	"  AND (c.state IN ('planned', 'live') OR (c.state = 'aborted' AND pg_catalog.now() < c.go_live + c.watch_for))"
	"  AND NOT EXISTS (SELECT FROM bcdelta.cutover_step AS s WHERE s.plan_id = c.plan_id AND s.run_id = $2) RETURNING *)"
	" SELECT " NOTIFY("e", "true") " FROM e",
	2, {NAMEOID, INT8OID}
};

/* A rollback has ended that is no step of a plan: people hear of it if the store has a plan, or had one until now. */
void
bcd_event_rolled_back(const char *server, int64 run_id)
{
	Datum		args[] = {bcd_name_datum(server), Int64GetDatum(run_id)};

	(void) bcd_select(&rolled_back, args, NULL);
}

static BcdStatement tell_ended = {
	"WITH s AS MATERIALIZED (SELECT name, told_run_id FROM bcdelta.schedule"
	"  WHERE home = $1 AND alert = 'always' FOR UPDATE SKIP LOCKED),"
	" t AS (SELECT s.name, r.* FROM s JOIN bcdelta.run AS r ON r.schedule = s.name AND r.run_id > s.told_run_id"
	"  WHERE r.state IN ('succeeded', 'cancelled')),"
	" told AS (UPDATE bcdelta.schedule AS o SET told_run_id = m.run_id"
	"  FROM (SELECT name, max(run_id) AS run_id FROM t GROUP BY name) AS m WHERE o.name = m.name),"
	" e AS (INSERT INTO bcdelta.event (event, severity, server, feed, schedule, run_id, message, over_at)"
	"  SELECT 'run_ended', 'info', t.server, t.feed, t.name, t.run_id, pg_catalog.format("
	"   'schedule \"%s\": run %s (%s) %s: %s created, %s updated, %s deleted, %s hidden, %s failed', t.name, t.run_id, t.kind,"
	"   CASE t.state WHEN 'cancelled' THEN 'was cancelled' ELSE t.state END, t.created, t.updated, t.deleted, t.hidden, t.failed),"
	"   pg_catalog.clock_timestamp() FROM t ORDER BY t.run_id RETURNING *)"
	" SELECT " NOTIFY("e", "true") " FROM e",
	1, {TEXTOID}
};

/* Records the ends of the runs of schedules that tell all of them. */
void
bcd_events_ended(const char *home)
{
	Datum		arg = CStringGetTextDatum(home);

	(void) bcd_select(&tell_ended, &arg, NULL);
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.event WHERE event_id IN (SELECT event_id FROM bcdelta.event"
	" WHERE at < pg_catalog.now() - $1 * interval '1 day' AND over_at IS NOT NULL ORDER BY at LIMIT $2)",
	2, {INT4OID, INT4OID}
};

/* Removes some of the events that are over and older than this; returns their number. */
int64
bcd_events_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int32GetDatum(limit)};

	return (int64) bcd_execute(&prune, args, NULL);
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.event SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the events of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_events_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
