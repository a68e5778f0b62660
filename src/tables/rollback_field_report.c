/*
 * rollback_field_report.c
 *		What a rollback did, as a report shows it.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/rollback_field_report.h"

static BcdStatement undone_shown = {
	"SELECT count(*), f.verdict, f.reason, f.feed, min(f.key), min(f.field), count(*) OVER () FROM bcdelta.rollback_field AS f"
	" WHERE f.run_id = $4 AND f.verdict <> 'total' AND f.feed IS NOT NULL AND " BCD_SCOPE_SEES("f.feed")
	" GROUP BY f.verdict, f.reason, f.feed ORDER BY f.verdict <> 'impossible', f.verdict <> 'edited', 1 DESC LIMIT 20",
	BCD_SCOPE_ARGS
};

/* What a rollback decided; returns the number of kinds for bcd_undone_shown_row(). */
uint64
bcd_undone_shown(const BcdScope *scope)
{
	return bcd_scope_select(&undone_shown, scope);
}

void
bcd_undone_shown_row(uint64 i, BcdUndoneShown *u)
{
	u->n = bcd_column_int64(i, 1, NULL);
	u->verdict = bcd_column_text(i, 2);
	u->reason = bcd_column_text(i, 3);
	u->feed = bcd_column_text(i, 4);
	u->key = bcd_column_text(i, 5);
	u->field = bcd_column_text(i, 6);
	u->kinds = bcd_column_int64(i, 7, NULL);
}
