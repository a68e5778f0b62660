/*
 * adjustment_report.c
 *		Adjustments, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/adjustment_report.h"
#include "tables/report_scope.h"

#define ADJUSTMENTS_SEEN \
	" FROM bcdelta.adjustment AS a JOIN bcdelta.feed AS f ON f.feed = a.feed" \
	" WHERE f.server = $1 AND a.state <> 'ended' AND " BCD_SCOPE_SEES("a.feed") " AND ($4 IS NULL OR a.by_run = $4)"

#define WORST_FIRST	" ORDER BY a.state <> 'broken', a.adjustment_id DESC"

/* the values of those that are shown are read, and no others */
static BcdStatement adjustments = {
	"SELECT a.feed, a.key, a.field, left(a.value #>> '{}', 200), a.until, a.ends_at, a.reason, a.by_role, a.made_at, a.state = 'broken',"
	" (SELECT count(*)" ADJUSTMENTS_SEEN ") FROM (SELECT a.*" ADJUSTMENTS_SEEN WORST_FIRST " LIMIT 10) AS a" WORST_FIRST,
	BCD_SCOPE_ARGS
};

/* The broken adjustments, then the newest ones; returns the number for bcd_adjustments_shown_row(). */
uint64
bcd_adjustments_shown(const BcdScope *scope)
{
	return bcd_scope_select(&adjustments, scope);
}

void
bcd_adjustments_shown_row(uint64 i, BcdAdjustmentShown *a)
{
	a->feed = bcd_column_text(i, 1);
	a->key = bcd_column_text(i, 2);
	a->field = bcd_column_text(i, 3);
	a->value = bcd_column_text(i, 4);
	a->until = bcd_column_text(i, 5);
	a->ends_at = bcd_column_time(i, 6);
	a->reason = bcd_column_text(i, 7);
	a->by = bcd_column_text(i, 8);
	a->made_at = bcd_column_time(i, 9);
	a->broken = bcd_column_bool(i, 10);
	a->all = bcd_column_int64(i, 11, NULL);
}
