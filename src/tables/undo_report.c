/*
 * undo_report.c
 *		What can be undone, as a report shows it.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/undo_report.h"

/* Runs of which something can be undone; only the rows of those that are shown are counted */
#define RUNS_LEFT \
	" FROM unnest(" BCD_SCOPE_RUNS ") AS i (run_id) CROSS JOIN LATERAL (" \
	" SELECT 1 FROM bcdelta.undo AS x WHERE x.run_id = i.run_id AND " BCD_SCOPE_SEES("x.feed") " LIMIT 1) AS y"

static BcdStatement undo_shown = {
	"SELECT u.run_id, r.kind, u.since, u.created, u.updated, u.removed, u.undone, (SELECT count(*)" RUNS_LEFT ")"
	" FROM (SELECT o.run_id, min(o.written_at) AS since, count(*) FILTER (WHERE o.action = 'created') AS created,"
	"  count(*) FILTER (WHERE o.action = 'updated') AS updated, count(*) FILTER (WHERE o.action IN ('hidden', 'deleted')) AS removed,"
	"  count(o.undone_by) AS undone FROM bcdelta.undo AS o"
	"  WHERE o.run_id = ANY (ARRAY(SELECT i.run_id" RUNS_LEFT " ORDER BY i.run_id DESC LIMIT 8)) AND " BCD_SCOPE_SEES("o.feed")
	"  GROUP BY o.run_id) AS u"
	" JOIN bcdelta.run AS r ON r.run_id = u.run_id ORDER BY u.run_id DESC",
	BCD_SCOPE_ARGS
};

/* What can be undone, the last run first; returns the number of runs for bcd_undo_shown_row(). */
uint64
bcd_undo_shown(const BcdScope *scope)
{
	return bcd_scope_select(&undo_shown, scope);
}

void
bcd_undo_shown_row(uint64 i, BcdUndoShown *u)
{
	u->run_id = bcd_column_int64(i, 1, NULL);
	u->kind = bcd_column_text(i, 2);
	u->since = bcd_column_time(i, 3);
	u->created = bcd_column_int64(i, 4, NULL);
	u->updated = bcd_column_int64(i, 5, NULL);
	u->removed = bcd_column_int64(i, 6, NULL);
	u->undone = bcd_column_int64(i, 7, NULL);
	u->all = bcd_column_int64(i, 8, NULL);
}
