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
