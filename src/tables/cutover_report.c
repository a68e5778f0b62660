/*
 * cutover_report.c
 *		The plan of a cutover, as papers and reports show it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/cutover_report.h"

static BcdStatement plan_shown = {
	"SELECT c.plan_id, c.go_live, c.go_live - c.freeze_for, c.go_live + c.watch_for, c.hours, c.time_zone,"
	" EXTRACT(EPOCH FROM c.freeze_for)::int8, c.stop, c.state, c.held, c.held_reason, c.went_live_at, c.override_note,"
	" c.owner::text, c.made_at FROM bcdelta.cutover AS c WHERE c.server = $1"
	" ORDER BY c.state NOT IN ('planned', 'live'), c.plan_id DESC LIMIT 1",
	1, {NAMEOID}
};

/*
 * Reads the plan of a server that is planned or live, or else its last one;
 * false if there never was one.  Keeps the current memory context.
 */
bool
bcd_plan_shown(const char *server, BcdPlanShown *plan)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_query_as_seen(&plan_shown, &arg, NULL, 0);

	MemoryContextSwitchTo(cxt);
	if (n == 0)
		return false;
	plan->plan_id = bcd_column_int64(0, 1, NULL);
	plan->go_live = bcd_column_time(0, 2);
	plan->freeze_at = bcd_column_time(0, 3);
	plan->watch_end = bcd_column_time(0, 4);
	plan->hours = bcd_column_text(0, 5);
	plan->time_zone = bcd_column_text(0, 6);
	plan->freeze_seconds = bcd_column_int64(0, 7, NULL);
	plan->stop = bcd_column_jsonb(0, 8);
	plan->state = bcd_column_text(0, 9);
	plan->held = bcd_column_bool(0, 10);
	plan->held_reason = bcd_column_text(0, 11);
	plan->went_live_at = bcd_column_time(0, 12);
	plan->override_note = bcd_column_text(0, 13);
	plan->owner = bcd_column_text(0, 14);
	plan->made_at = bcd_column_time(0, 15);
	return true;
}
