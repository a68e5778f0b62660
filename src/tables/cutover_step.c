/*
 * cutover_step.c
 *		bcdelta.cutover_step: what plans of cutovers do, step after step.
 *
 * Whoever calls this has locked the row of the plan.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/cutover_step.h"

static BcdStatement insert_step = {
	"INSERT INTO bcdelta.cutover_step (plan_id, step, name, kind, detail, apart, due_at, not_after, every, state, note)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	11, {INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, INTERVALOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID, TEXTOID, TEXTOID}
};

void
bcd_step_insert(int64 plan_id, const BcdCutoverStep *s)
{
	char		nulls[] = "           ";
	Datum		args[11];

	args[0] = Int64GetDatum(plan_id);
	args[1] = Int32GetDatum(s->step);
	args[2] = CStringGetTextDatum(s->name);
	args[3] = CStringGetTextDatum(s->kind);
	args[4] = bcd_text_or_null(s->detail, &nulls[4]);
	args[5] = IntervalPGetDatum(&s->apart);
	args[6] = TimestampTzGetDatum(s->due);
	args[7] = TimestampTzGetDatum(s->not_after);
	nulls[7] = s->not_after == DT_NOEND ? 'n' : ' ';
	args[8] = IntervalPGetDatum(s->every);
	nulls[8] = s->every ? ' ' : 'n';
	args[9] = CStringGetTextDatum(s->state);
	args[10] = bcd_text_or_null(s->note, &nulls[10]);
	(void) bcd_execute(&insert_step, args, nulls);
}

static BcdStatement select_steps = {
	"SELECT step, name, kind, detail, apart, due_at, coalesce(not_after, 'infinity'), every, state, coalesce(run_id, 0), note"
	" FROM bcdelta.cutover_step WHERE plan_id = $1 ORDER BY step",
	1, {INT8OID}
};

/* Returns the steps of a plan, in their order. */
List *
bcd_steps(int64 plan_id)
{
	Datum		arg = Int64GetDatum(plan_id);
	uint64		n = bcd_select(&select_steps, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdCutoverStep *s = palloc0(sizeof(BcdCutoverStep));
		bool		isnull;
		Datum		every = bcd_column_datum(i, 8, &isnull);

		if (!isnull)
		{
			s->every = palloc(sizeof(Interval));
			*s->every = *DatumGetIntervalP(every);
		}
		s->step = (int) bcd_column_int64(i, 1, NULL);
		s->name = bcd_column_text(i, 2);
		s->kind = bcd_column_text(i, 3);
		s->detail = bcd_column_text(i, 4);
		s->apart = *DatumGetIntervalP(bcd_column_datum(i, 5, &isnull));
		s->due = bcd_column_time(i, 6);
		s->not_after = bcd_column_time(i, 7);
		s->state = bcd_column_text(i, 9);
		s->run_id = bcd_column_int64(i, 10, NULL);
		s->note = bcd_column_text(i, 11);
		list = lappend(list, s);
	}
	return list;
}

static BcdStatement plan_step = {
	"UPDATE bcdelta.cutover_step SET due_at = $3, not_after = $4, state = $5, note = $6,"
	" run_id = CASE WHEN $5 = 'planned' THEN NULL ELSE run_id END, measured = CASE WHEN $5 = 'planned' THEN NULL ELSE measured END,"
	" started_at = CASE WHEN $5 = 'planned' THEN NULL ELSE started_at END, done_at = NULL, done_by = NULL"
	" WHERE plan_id = $1 AND step = $2",
	6, {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
};

/* Plans a step that was planned before for another time. */
void
bcd_step_plan(int64 plan_id, const BcdCutoverStep *s)
{
	char		nulls[] = "      ";
	Datum		args[6];

	args[0] = Int64GetDatum(plan_id);
	args[1] = Int32GetDatum(s->step);
	args[2] = TimestampTzGetDatum(s->due);
	args[3] = TimestampTzGetDatum(s->not_after);
	nulls[3] = s->not_after == DT_NOEND ? 'n' : ' ';
	args[4] = CStringGetTextDatum(s->state);
	args[5] = bcd_text_or_null(s->note, &nulls[5]);
	(void) bcd_execute(&plan_step, args, nulls);
}

static BcdStatement start_step = {
	"UPDATE bcdelta.cutover_step SET state = $3, run_id = coalesce(nullif($4, 0), run_id), note = NULL,"
	" started_at = pg_catalog.clock_timestamp() WHERE plan_id = $1 AND step = $2",
	4, {INT8OID, INT4OID, TEXTOID, INT8OID}
};

/* A step begins: it runs, or waits; run_id 0: without a run. */
void
bcd_step_started(int64 plan_id, int step, const char *state, int64 run_id)
{
	Datum		args[] = {Int64GetDatum(plan_id), Int32GetDatum(step), CStringGetTextDatum(state), Int64GetDatum(run_id)};

	(void) bcd_execute(&start_step, args, NULL);
}

static BcdStatement end_step = {
	"UPDATE bcdelta.cutover_step SET state = $3, measured = coalesce($4, measured), done_by = $5,"
	" started_at = coalesce(started_at, pg_catalog.clock_timestamp()), done_at = pg_catalog.clock_timestamp()"
	" WHERE plan_id = $1 AND step = $2",
	5, {INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID}
};

/* A step has ended; by: the role that ended it, or NULL. */
void
bcd_step_ended(int64 plan_id, int step, const char *state, const char *measured, const char *by)
{
	char		nulls[] = "     ";
	Datum		args[5];

	args[0] = Int64GetDatum(plan_id);
	args[1] = Int32GetDatum(step);
	args[2] = CStringGetTextDatum(state);
	args[3] = bcd_filled_or_null(measured, &nulls[3]);
	args[4] = bcd_text_or_null(by, &nulls[4]);
	(void) bcd_execute(&end_step, args, nulls);
}

static BcdStatement repeat_step = {
	"UPDATE bcdelta.cutover_step SET state = 'planned', due_at = $3, measured = $4 WHERE plan_id = $1 AND step = $2",
	4, {INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID}
};

/* A step that is repeated waits for its next time. */
void
bcd_step_repeats(int64 plan_id, int step, TimestampTz due, const char *measured)
{
	char		nulls[] = "    ";
	Datum		args[] = {Int64GetDatum(plan_id), Int32GetDatum(step), TimestampTzGetDatum(due), 0};

	args[3] = bcd_filled_or_null(measured, &nulls[3]);
	(void) bcd_execute(&repeat_step, args, nulls);
}

static BcdStatement note_step = {
	"UPDATE bcdelta.cutover_step SET note = $3 WHERE plan_id = $1 AND step = $2 AND note IS DISTINCT FROM $3",
	3, {INT8OID, INT4OID, TEXTOID}
};

/* Says why a step is as it is; returns whether that is new. */
bool
bcd_step_noted(int64 plan_id, int step, const char *note)
{
	Datum		args[] = {Int64GetDatum(plan_id), Int32GetDatum(step), CStringGetTextDatum(note)};

	return bcd_execute(&note_step, args, NULL) > 0;
}

static BcdStatement skip_steps = {
	"UPDATE bcdelta.cutover_step SET state = 'skipped', note = $2, done_at = pg_catalog.clock_timestamp(), done_by = $3"
	" WHERE plan_id = $1 AND state IN ('planned', 'waiting', 'running')",
	3, {INT8OID, TEXTOID, TEXTOID}
};

/* Skips all steps that have not ended. */
void
bcd_steps_skip(int64 plan_id, const char *note, const char *by)
{
	char		nulls[] = "   ";
	Datum		args[] = {Int64GetDatum(plan_id), CStringGetTextDatum(note), 0};

	args[2] = bcd_text_or_null(by, &nulls[2]);
	(void) bcd_execute(&skip_steps, args, nulls);
}

static BcdStatement select_next = {
	"SELECT min(s.due_at) FROM bcdelta.cutover_step AS s JOIN bcdelta.cutover AS c USING (plan_id)"
	" WHERE c.home = $1 AND c.state IN ('planned', 'live') AND s.state = 'planned' AND s.due_at > $2",
	2, {TEXTOID, TIMESTAMPTZOID}
};

/* Returns when the next step is due, or DT_NOEND if there is none. */
TimestampTz
bcd_steps_next(const char *home, TimestampTz now)
{
	Datum		args[] = {CStringGetTextDatum(home), TimestampTzGetDatum(now)};
	TimestampTz next;

	(void) bcd_execute(&select_next, args, NULL);
	next = bcd_column_time(0, 1);
	return next == DT_NOBEGIN ? DT_NOEND : next;
}

static BcdStatement select_rows = {
	"SELECT * FROM bcdelta.cutover_step WHERE plan_id = $1 ORDER BY step", 1, {INT8OID}
};

/* Passes each row of a plan on, with all columns. */
void
bcd_step_rows(int64 plan_id, void (*put) (Datum *values, bool *nulls, void *arg), void *arg)
{
	Datum		plan = Int64GetDatum(plan_id);
	uint64		n = bcd_execute(&select_rows, &plan, NULL);
	SPITupleTable *rows = SPI_tuptable;
	Datum	   *values = palloc(sizeof(Datum) * rows->tupdesc->natts);
	bool	   *nulls = palloc(sizeof(bool) * rows->tupdesc->natts);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		heap_deform_tuple(rows->vals[i], rows->tupdesc, values, nulls);
		put(values, nulls, arg);
	}
}
