/*
 * schedule_papers.c
 *		Schedules, as papers show them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/schedule_papers.h"

/* What went wrong in a run of all feeds may quote rows of any of them. */
static BcdStatement schedules_shown = {
	"SELECT s.name, s.feed, s.kind, s.mode, EXTRACT(EPOCH FROM s.every)::int8, s.hours, s.time_zone, s.alert, s.next_run_at,"
	" CASE WHEN s.feed IS NOT NULL OR $2 IS NULL THEN s.last_error END FROM bcdelta.schedule AS s"
	" WHERE s.server = $1 AND (s.feed IS NULL OR " BCD_SCOPE_SEES("s.feed") ") ORDER BY s.name COLLATE \"C\"",
	BCD_SCOPE_ARGS
};

/* Returns BcdScheduleShown structs. */
List *
bcd_schedules_shown(const BcdScope *scope)
{
	uint64		n = bcd_scope_select(&schedules_shown, scope);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdScheduleShown *s = palloc(sizeof(BcdScheduleShown));

		s->name = bcd_column_text(i, 1);
		s->feed = bcd_column_text(i, 2);
		s->kind = bcd_column_text(i, 3);
		s->mode = bcd_column_text(i, 4);
		s->every = bcd_column_int64(i, 5, NULL);
		s->hours = bcd_column_text(i, 6);
		s->time_zone = bcd_column_text(i, 7);
		s->alert = bcd_column_text(i, 8);
		s->next_run_at = bcd_column_time(i, 9);
		s->last_error = bcd_column_text(i, 10);
		list = lappend(list, s);
	}
	return list;
}
