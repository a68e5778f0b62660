/*
 * event_report.c
 *		Problems, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/event_report.h"
#include "tables/report_scope.h"

static BcdStatement events = {
	"SELECT e.at, e.over_at, e.severity, " BCD_SCOPE_MESSAGE("e") ", count(*) OVER () FROM bcdelta.event AS e"
	" WHERE (e.server = $1 OR e.event = 'worker_back') AND e.event <> 'run_ended' AND (e.over_at IS NULL OR e.over_at >= $3)"
	" AND (e.feed IS NULL OR " BCD_SCOPE_SEES("e.feed") ")"
	" ORDER BY e.over_at IS NOT NULL, e.severity <> 'critical', e.event_id DESC LIMIT 10",
	BCD_SCOPE_ARGS
};

/* What is wrong, and then what was; returns the number for bcd_events_shown_row(). */
uint64
bcd_events_shown(const BcdScope *scope)
{
	return bcd_scope_select(&events, scope);
}

void
bcd_events_shown_row(uint64 i, BcdEventShown *e)
{
	e->at = bcd_column_time(i, 1);
	e->over_at = bcd_column_time(i, 2);
	e->severity = bcd_column_text(i, 3);
	e->message = bcd_column_text(i, 4);
	e->all = bcd_column_int64(i, 5, NULL);
}
