/*
 * conflict_report.c
 *		Conflicts, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/conflict_report.h"
#include "tables/report_scope.h"

#define OPEN_CONFLICTS \
	" FROM bcdelta.conflict AS c JOIN bcdelta.feed AS f ON f.feed = c.feed" \
	" WHERE f.server = $1 AND c.state = 'open' AND c.is_current AND " BCD_SCOPE_SEES("c.feed") " AND ($4 IS NULL OR c.run_id = $4)"

static BcdStatement count_open = {
	"SELECT count(*)" OPEN_CONFLICTS,
	BCD_SCOPE_ARGS
};

/* How many conflicts wait for a decision */
int64
bcd_conflicts_count(const BcdScope *scope)
{
	(void) bcd_scope_select(&count_open, scope);
	return bcd_column_int64(0, 1, NULL);
}

/* the values of those that are shown are read, and no others */
static BcdStatement open_conflicts = {
	"SELECT c.conflict_id, c.feed, c.key, c.field, left(c.source_value #>> '{}', 200), left(c.store_value #>> '{}', 200), c.found_at,"
	" (SELECT count(*)" OPEN_CONFLICTS ") FROM (SELECT c.*" OPEN_CONFLICTS " ORDER BY c.conflict_id LIMIT 10) AS c"
	" ORDER BY c.conflict_id",
	BCD_SCOPE_ARGS
};

/* The oldest conflicts that wait for a decision; returns the number for bcd_conflicts_shown_row(). */
uint64
bcd_conflicts_shown(const BcdScope *scope)
{
	return bcd_scope_select(&open_conflicts, scope);
}

void
bcd_conflicts_shown_row(uint64 i, BcdConflictShown *c)
{
	c->conflict_id = bcd_column_int64(i, 1, NULL);
	c->feed = bcd_column_text(i, 2);
	c->key = bcd_column_text(i, 3);
	c->field = bcd_column_text(i, 4);
	c->source_value = bcd_column_text(i, 5);
	c->store_value = bcd_column_text(i, 6);
	c->found_at = bcd_column_time(i, 7);
	c->all = bcd_column_int64(i, 8, NULL);
}
