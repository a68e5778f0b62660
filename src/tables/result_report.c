/*
 * result_report.c
 *		Outcomes of rows, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/result_report.h"

#define OUTCOME_SUM(list) "coalesce(sum(c.n) FILTER (WHERE c.outcome IN (" list ")), 0)::int8"

/* a million rows are counted before anything is looked up for them */
static BcdStatement outcomes = {
	"SELECT f.resource, string_agg(DISTINCT c.feed, ', '), " OUTCOME_SUM("'created'") ", " OUTCOME_SUM("'updated'") ","
	" " OUTCOME_SUM("'deleted', 'hidden'") ", " OUTCOME_SUM("'linked', 'unchanged'") ", " OUTCOME_SUM("'failed', 'invalid'") ","
	" " OUTCOME_SUM("'retry', 'deferred', 'conflict'")
	" FROM (SELECT r.feed, r.outcome, count(*) AS n FROM bcdelta.result AS r"
	"  WHERE r.run_id = ANY (" BCD_SCOPE_RUNS ") AND " BCD_SCOPE_SEES("r.feed") " GROUP BY r.feed, r.outcome) AS c"
	" LEFT JOIN bcdelta.feed AS f ON f.feed = c.feed"
	" GROUP BY f.resource ORDER BY sum(c.n) DESC, f.resource",
	BCD_SCOPE_ARGS
};

/* Counts outcomes by resource; returns the number of resources for bcd_outcomes_row(). */
uint64
bcd_outcomes(const BcdScope *scope)
{
	return bcd_scope_select(&outcomes, scope);
}

void
bcd_outcomes_row(uint64 i, BcdOutcomes *o)
{
	int64	   *const counts[] = {&o->created, &o->updated, &o->deleted, &o->same, &o->refused, &o->later};
	int			j;

	o->resource = bcd_column_text(i, 1);
	o->feeds = bcd_column_text(i, 2);
	for (j = 0; j < lengthof(counts); j++)
		*counts[j] = bcd_column_int64(i, 3 + j, NULL);
}

#define DONE_PARTS CppAsString2(BCD_DONE_PARTS)
#define OUTCOME_COUNT(list) "count(*) FILTER (WHERE r.outcome IN (" list "))"

/* date_part() is quicker than extract(): it returns a number that the processor knows */
static BcdStatement done_over_time = {
	"SELECT d.part::int8, d.done, d.refused, d.later FROM ("
	" SELECT least(floor(" DONE_PARTS " * date_part('epoch', r.attempted_at - $3) / greatest(0.001, date_part('epoch', $5 - $3))), " DONE_PARTS " - 1) AS part,"
	"  " OUTCOME_COUNT("'created', 'updated', 'deleted', 'hidden', 'linked', 'unchanged'") " AS done,"
	"  " OUTCOME_COUNT("'failed', 'invalid'") " AS refused, " OUTCOME_COUNT("'retry', 'deferred', 'conflict'") " AS later"
	"  FROM bcdelta.result AS r WHERE r.run_id = $4 AND " BCD_SCOPE_SEES("r.feed") " GROUP BY 1) AS d"
	" WHERE d.part >= 0 ORDER BY 1",
	BCD_SCOPE_ARGS
};

/* Counts what became of rows over the time of a run; returns the number of parts for bcd_done_row(). */
uint64
bcd_done(const BcdScope *scope)
{
	return bcd_scope_select(&done_over_time, scope);
}

void
bcd_done_row(uint64 i, const BcdScope *scope, BcdDone *d)
{
	int64		part = bcd_column_int64(i, 1, NULL);
	int64		span = scope->until - scope->since;

	d->from = scope->since + span * part / BCD_DONE_PARTS;
	d->to = scope->since + span * (part + 1) / BCD_DONE_PARTS;
	d->done = bcd_column_int64(i, 2, NULL);
	d->refused = bcd_column_int64(i, 3, NULL);
	d->later = bcd_column_int64(i, 4, NULL);
}
