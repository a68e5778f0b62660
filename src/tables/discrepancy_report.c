/*
 * discrepancy_report.c
 *		Differences, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/discrepancy_report.h"
#include "tables/report_scope.h"

/* There may be millions: one of each kind is found by its place, and only its values are read. */
static BcdStatement differences = {
	"SELECT g.n, g.feed, g.kind, g.field, left(d.key, 200), left(d.natural_key, 200), left(d.source_value, 200), left(d.store_value, 200), g.kinds"
	" FROM (SELECT count(*) AS n, e.feed, e.kind, e.field, min(ARRAY[left(e.key, 200), e.ctid::text]) AS first, count(*) OVER () AS kinds"
	"  FROM bcdelta.discrepancy AS e WHERE e.run_id = $4 AND e.decided IS NULL AND " BCD_SCOPE_SEES("e.feed")
	"  GROUP BY e.feed, e.kind, e.field ORDER BY 1 DESC, 2, 3, 4 LIMIT 25) AS g"
	" JOIN bcdelta.discrepancy AS d ON d.ctid = g.first[2]::tid ORDER BY 1 DESC, 2, 3, 4",
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
