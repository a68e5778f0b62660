/*
 * cutover_stop.c
 *		bcdelta.cutover: what stops a run of a plan, and a plan that was stopped.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/cutover_stop.h"

/* Hours may go on beyond midnight. */
static BcdStatement select_plan = {
	"SELECT p.plan_id, p.stop, e.at, pg_catalog.to_char(e.at AT TIME ZONE p.time_zone, 'HH24:MI') || ' ' || p.time_zone"
	" FROM bcdelta.cutover AS p"
	" CROSS JOIN LATERAL (SELECT pg_catalog.clock_timestamp() AT TIME ZONE p.time_zone, pg_catalog.split_part(p.hours, '-', 1)::time,"
	"  pg_catalog.split_part(p.hours, '-', 2)::time) AS t (at, opens, closes)"
	" LEFT JOIN LATERAL (SELECT (t.at::date + t.closes + CASE WHEN t.opens >= t.closes AND t.at::time >= t.opens"
	"   THEN interval '1 day' ELSE interval '0' END) AT TIME ZONE p.time_zone"
	"  WHERE CASE WHEN t.opens < t.closes THEN t.at::time >= t.opens AND t.at::time < t.closes"
	"   ELSE t.at::time >= t.opens OR t.at::time < t.closes END) AS e (at) ON true"
	" WHERE p.server = $1 AND p.state IN ('planned', 'live')",
	1, {NAMEOID}
};

/*
 * Reads the plan that a store has, into the current memory context. Returns
 * false if there is none.
 */
bool
bcd_stop_plan(const char *server, BcdStopPlan *plan)
{
	Datum		arg = bcd_name_datum(server);

	if (bcd_select(&select_plan, &arg, NULL) == 0)
		return false;
	plan->plan_id = bcd_column_int64(0, 1, NULL);
	plan->stop = bcd_column_jsonb(0, 2);
	plan->ends_words = bcd_column_text(0, 4);
	plan->ends = plan->ends_words ? bcd_column_time(0, 3) : 0;
	return true;
}

/* The worker waits for nobody: whoever has locked the plan decides about it now. */
static BcdStatement hold_plan = {
	"UPDATE bcdelta.cutover SET held = true, held_reason = $2 WHERE plan_id ="
	" (SELECT p.plan_id FROM bcdelta.cutover AS p WHERE p.plan_id = $1 AND p.state IN ('planned', 'live') FOR UPDATE SKIP LOCKED)",
	2, {INT8OID, TEXTOID}
};

void
bcd_stop_hold(int64 plan_id, const char *reason)
{
	Datum		args[] = {Int64GetDatum(plan_id), CStringGetTextDatum(reason)};

	(void) bcd_execute(&hold_plan, args, NULL);
}
