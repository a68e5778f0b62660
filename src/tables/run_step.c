/*
 * run_step.c
 *		bcdelta.run: runs of the steps of a cutover.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/run_step.h"

/*
 * What a run came to.  A count that is zero goes without saying, unless all
 * are.
 */
#define COUNT(column, words)	" CASE WHEN r." column " > 0 THEN pg_catalog.format('%s " words "', r." column ") END"

static BcdStatement select_run = {
	"SELECT r.state NOT IN ('requested', 'running'), r.state = 'succeeded', r.failed + r.conflicts,"
	" pg_catalog.concat_ws(', ', CASE r.state WHEN 'failed' THEN pg_catalog.format('run %s failed: %s', r.run_id, r.error)"
	"  WHEN 'cancelled' THEN pg_catalog.format('run %s was cancelled: %s', r.run_id, coalesce(r.error, 'no reason is known')) END,"
	COUNT("created", "created") "," COUNT("updated", "updated") "," COUNT("deleted", "deleted") "," COUNT("hidden", "hidden") ","
	" CASE WHEN r.kind <> 'verify' THEN NULL WHEN r.unchanged > 0 THEN pg_catalog.format('%s agree', r.unchanged)"
	"  WHEN r.state = 'succeeded' AND r.conflicts = 0 THEN 'nothing was to be compared' END,"
	" CASE WHEN r.kind <> 'verify' AND r.created + r.updated + r.deleted + r.hidden + r.failed + r.deferred = 0 AND r.state = 'succeeded'"
	"  THEN 'nothing was to be written' END,"
	" CASE WHEN r.conflicts > 0 THEN pg_catalog.format(CASE WHEN r.kind = 'verify' THEN '%s differ' ELSE '%s are in conflict' END, r.conflicts) END,"
	COUNT("deferred", "wait") "," COUNT("failed", "failed") ","
	" CASE WHEN r.warning IS NOT NULL THEN r.warning END)"
	" FROM bcdelta.run AS r WHERE r.run_id = $1",
	1, {INT8OID}
};

/* How the run of a step ended; one that is not known any more has not succeeded. */
void
bcd_step_run(int64 run_id, BcdStepRun *run)
{
	Datum		arg = Int64GetDatum(run_id);

	if (bcd_select(&select_run, &arg, NULL) == 0)
	{
		run->ended = true;
		run->succeeded = false;
		run->wrong = 0;
		run->words = psprintf("run " INT64_FORMAT " is no longer known", run_id);
		return;
	}
	run->ended = bcd_column_bool(0, 1);
	run->succeeded = bcd_column_bool(0, 2);
	run->wrong = bcd_column_int64(0, 3, NULL);
	run->words = bcd_column_text(0, 4);
}

static BcdStatement select_rehearsal = {
	"SELECT r.run_id FROM bcdelta.run AS r WHERE r.server = $1 AND r.kind = 'push' AND r.updated > 0 AND r.finished_at IS NOT NULL"
	" AND EXISTS (SELECT FROM bcdelta.undo AS u WHERE u.run_id = r.run_id AND u.action = 'updated' AND u.undone_by IS NULL)"
	" ORDER BY r.run_id DESC LIMIT 1",
	1, {NAMEOID}
};

/* Returns the last push of a server of which a rollback can be rehearsed, or 0. */
int64
bcd_run_to_rehearse(const char *server)
{
	Datum		arg = bcd_name_datum(server);

	return bcd_select(&select_rehearsal, &arg, NULL) > 0 ? bcd_column_int64(0, 1, NULL) : 0;
}
