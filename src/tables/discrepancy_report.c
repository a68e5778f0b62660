/*
 * discrepancy_report.c
 *		Differences, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/discrepancy_report.h"
#include "tables/report_scope.h"

#define DIFFERENCE(column) "(array_agg(left(d." column ", 200) ORDER BY d.key))[1]"

static BcdStatement differences = {
	"SELECT count(*), d.feed, d.kind, d.field, " DIFFERENCE("key") ", " DIFFERENCE("natural_key") ", " DIFFERENCE("source_value") ","
	" " DIFFERENCE("store_value") ", count(*) OVER () FROM bcdelta.discrepancy AS d"
	" WHERE d.run_id = $4 AND " BCD_SCOPE_SEES("d.feed") " GROUP BY d.feed, d.kind, d.field ORDER BY 1 DESC, 2, 3, 4 LIMIT 25",
	BCD_SCOPE_ARGS
};

/* What a run has found; returns the number of kinds for bcd_differences_row(). */
uint64
bcd_differences(const BcdScope *scope)
{
	return bcd_scope_select(&differences, scope);
}

void
bcd_differences_row(uint64 i, BcdDifferences *d)
{
	d->n = bcd_column_int64(i, 1, NULL);
	d->feed = bcd_column_text(i, 2);
	d->kind = bcd_column_text(i, 3);
	d->field = bcd_column_text(i, 4);
	d->key = bcd_column_text(i, 5);
	d->natural_key = bcd_column_text(i, 6);
	d->source_value = bcd_column_text(i, 7);
	d->store_value = bcd_column_text(i, 8);
	d->kinds = bcd_column_int64(i, 9, NULL);
}
