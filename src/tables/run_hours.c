/*
 * run_hours.c
 *		bcdelta.run: runs that pause outside the hours of their schedules.
 *
 * A run that pauses is in state requested, with the time at which it may go
 * on; so it survives whatever happens to the worker.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/run_hours.h"

static BcdStatement select_hours = {
	"SELECT s.hours, s.time_zone FROM bcdelta.run AS r JOIN bcdelta.schedule AS s ON s.name = r.schedule"
	" WHERE r.run_id = $1 AND s.hours IS NOT NULL",
	1, {INT8OID}
};

/*
 * Reads the hours that a run's schedule has now, into the current memory
 * context. Returns false if there are none.
 */
bool
bcd_run_hours(int64 run_id, char **hours, char **zone)
{
	Datum		arg = Int64GetDatum(run_id);

	if (bcd_select(&select_hours, &arg, NULL) == 0)
		return false;
	*hours = bcd_column_text(0, 1);
	*zone = bcd_column_text(0, 2);
	return true;
}

static BcdStatement select_paused = {
	"SELECT r.run_id, r.paused_until, r.schedule, s.name IS NULL, s.hours, s.time_zone"
	" FROM bcdelta.run AS r LEFT JOIN bcdelta.schedule AS s ON s.name = r.schedule"
	" WHERE r.state = 'requested' AND r.paused_until IS NOT NULL ORDER BY r.run_id",
	0, {0}
};

/*
 * Returns the runs that pause as BcdPausedRun structs, in the current memory
 * context.
 */
List *
bcd_runs_paused(void)
{
	List	   *list = NIL;
	uint64		n = bcd_select(&select_paused, NULL, NULL);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdPausedRun *run = palloc0(sizeof(BcdPausedRun));
		bool		isnull;

		run->run_id = bcd_column_int64(i, 1, NULL);
		run->until = DatumGetTimestampTz(bcd_column_datum(i, 2, &isnull));
		run->schedule = bcd_column_text(i, 3);
		run->removed = bcd_column_bool(i, 4);
		run->hours = bcd_column_text(i, 5);
		run->zone = bcd_column_text(i, 6);
		list = lappend(list, run);
	}
	return list;
}

static BcdStatement pause_until = {
	"UPDATE bcdelta.run SET state = 'requested', paused_until = $2 WHERE run_id = $1", 2, {INT8OID, TIMESTAMPTZOID}
};

/* An unfinished run pauses, and may go on at this time. */
void
bcd_run_pause_until(int64 run_id, TimestampTz until)
{
	Datum		args[] = {Int64GetDatum(run_id), TimestampTzGetDatum(until)};

	(void) bcd_execute(&pause_until, args, NULL);
}
