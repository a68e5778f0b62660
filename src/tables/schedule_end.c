/*
 * schedule_end.c
 *		What the end of a run means to the schedule that started it.
 *
 * Nobody waits for a scheduled run, so what went wrong stands in
 * schedule.last_error until a later one has done better.  It is taken from the
 * row of the schedule's last run, whenever there is something to tell: so
 * nothing depends on who ended the run, and a schedule that a session holds
 * locked is told the next time.  The log has it, too, when it is news.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "feed/database_identity.h"
#include "tables/schedule_end.h"

#define LAST_ERROR \
	"CASE r.state WHEN 'succeeded' THEN r.warning" \
	" ELSE pg_catalog.format('run %s %s: %s', r.run_id," \
	"  CASE r.state WHEN 'failed' THEN 'failed' ELSE 'was cancelled' END," \
	"  coalesce(r.error, 'no reason is known')) END"

/* The number of the run is no news */
static BcdStatement note_ends = {
	"UPDATE bcdelta.schedule AS s SET last_error = e.error FROM ("
	"  SELECT o.name, o.last_error AS before, " LAST_ERROR " AS error, r.error AS reason"
	"  FROM bcdelta.schedule AS o JOIN bcdelta.run AS r ON r.run_id = o.last_run_id AND r.schedule = o.name"
	"  WHERE o.home = $1 AND r.state NOT IN ('requested', 'running')"
	"  AND o.last_error IS DISTINCT FROM " LAST_ERROR
	"  FOR UPDATE OF o SKIP LOCKED) AS e"
	" WHERE s.name = e.name"
	" RETURNING s.name, CASE WHEN coalesce(pg_catalog.strpos(e.before, coalesce(e.reason, e.error)), 0) = 0"
	"  THEN e.error END",
	1, {TEXTOID}
};

static BcdStatement note_copies = {
	"UPDATE bcdelta.schedule SET last_error ="
	" 'this database is a copy of the one that this schedule was made in: nothing is started until bcdelta.resume() says of a feed that this copy is now the source'"
	" WHERE name IN (SELECT name FROM bcdelta.schedule WHERE home <> $1"
	"  AND coalesce(last_error, '') !~ '^this database is a copy' FOR UPDATE SKIP LOCKED)",
	1, {TEXTOID}
};

/* In a transaction of the worker's: brings bcdelta.schedule up to date. */
void
bcd_ended_tell(void)
{
	Datum		home = CStringGetTextDatum(bcd_home());
	uint64		n;
	uint64		i;

	(void) bcd_execute(&note_copies, &home, NULL);
	n = bcd_execute(&note_ends, &home, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *error = bcd_column_text(i, 2);

		if (error)
			ereport(WARNING,
					(errmsg("bcdelta: schedule \"%s\": %s", bcd_column_text(i, 1), error)));
	}
}
