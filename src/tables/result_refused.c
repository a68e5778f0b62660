/*
 * result_refused.c
 *		Rows that were refused, put together by what was said of them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/result_refused.h"

/*
 * A row is looked up by its key alone: with the state, an index of all rows
 * that are given up would serve as well, and be read for each of them.
 */
static BcdStatement refused_in_runs = {
	"SELECT " BCD_REFUSED_COLUMNS " FROM (" BCD_REFUSED_GROUP("count(*) FILTER (WHERE p.state = 'failed')") ", (array_agg(k.ctid ORDER BY k.at))[1] AS ctid"
	"  FROM (SELECT r.feed, r.key, r.error, r.ctid, r.attempted_at AS at, " BCD_REFUSED_KIND("r.error") " AS kind"
	"   FROM bcdelta.result AS r WHERE r.run_id = ANY (" BCD_SCOPE_RUNS ") AND r.outcome IN ('failed', 'invalid')"
	"   AND " BCD_SCOPE_SEES("r.feed") " LIMIT " CppAsString2(BCD_REFUSED_ROWS) ") AS k"
	"  LEFT JOIN LATERAL (SELECT g.state FROM bcdelta.pending AS g WHERE g.feed = k.feed AND g.key = k.key OFFSET 0) AS p ON true"
	"  GROUP BY k.kind ORDER BY 1 DESC LIMIT " BCD_REFUSED_KINDS ") AS g"
	" CROSS JOIN LATERAL (SELECT r.outcome, r.http_status FROM bcdelta.result AS r WHERE r.ctid = g.ctid) AS o"
	" ORDER BY g.n DESC",
	BCD_SCOPE_ARGS
};

/* What was refused in the runs of a report; returns the number of kinds for bcd_refused_row(). */
uint64
bcd_refused_in_runs(const BcdScope *scope)
{
	return bcd_scope_select(&refused_in_runs, scope);
}

void
bcd_refused_row(uint64 i, BcdRefused *r)
{
	int			j;

	r->rows = bcd_column_int64(i, 1, NULL);
	r->still = bcd_column_int64(i, 2, NULL);
	r->invalid = bcd_column_bool(i, 3);
	r->status = (int) bcd_column_int64(i, 4, NULL);
	r->message = bcd_column_text(i, 5);
	r->feed = bcd_column_text(i, 6);
	r->feeds = bcd_column_int64(i, 7, NULL);
	for (j = 0; j < BCD_REFUSED_KEYS; j++)
		r->keys[j] = bcd_column_text(i, 8 + j);
	r->kinds = bcd_column_int64(i, 8 + BCD_REFUSED_KEYS, NULL);
	r->more = bcd_column_int64(i, 9 + BCD_REFUSED_KEYS, NULL) >= BCD_REFUSED_ROWS;
}
