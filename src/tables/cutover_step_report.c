/*
 * cutover_step_report.c
 *		The steps of a plan, as papers and reports show them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/cutover_step_report.h"

static BcdStatement steps_shown = {
	"SELECT s.step::int8, s.name, s.kind, s.detail, s.due_at, s.not_after, EXTRACT(EPOCH FROM s.every)::int8, s.state, s.run_id,"
	" s.measured, s.note, s.started_at, s.done_at, s.done_by FROM bcdelta.cutover_step AS s WHERE s.plan_id = $1"
	" ORDER BY s.due_at, s.step",
	1, {INT8OID}
};

/* Returns the steps of a plan as BcdStepShown structs, in the order of their times. */
List *
bcd_steps_shown(int64 plan_id)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = Int64GetDatum(plan_id);
	uint64		n = bcd_query_as_seen(&steps_shown, &arg, NULL, 0);
	List	   *steps = NIL;
	uint64		i;

	MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		BcdStepShown *s = palloc(sizeof(BcdStepShown));

		s->step = (int32) bcd_column_int64(i, 1, NULL);
		s->name = bcd_column_text(i, 2);
		s->kind = bcd_column_text(i, 3);
		s->detail = bcd_column_text(i, 4);
		s->due_at = bcd_column_time(i, 5);
		s->not_after = bcd_column_time(i, 6);
		s->every = bcd_column_int64(i, 7, NULL);
		s->state = bcd_column_text(i, 8);
		s->run_id = bcd_column_int64(i, 9, NULL);
		s->measured = bcd_column_text(i, 10);
		s->note = bcd_column_text(i, 11);
		s->started_at = bcd_column_time(i, 12);
		s->done_at = bcd_column_time(i, 13);
		s->done_by = bcd_column_text(i, 14);
		steps = lappend(steps, s);
	}
	return steps;
}
