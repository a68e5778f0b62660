/*
 * journal_report.c
 *		Decisions, as a report shows them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/journal_report.h"
#include "tables/report_scope.h"

static BcdStatement decisions = {
	"SELECT j.at, j.what, j.feed, j.key, j.by_role, j.reason, count(*) OVER () FROM bcdelta.journal AS j"
	" WHERE j.at >= $3 AND ($2 IS NULL OR j.feed = ANY ($2))"
	" AND (j.server = $1 OR EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = j.feed AND f.server = $1))"
	" ORDER BY j.journal_id DESC LIMIT 12",
	BCD_SCOPE_ARGS
};

/* The last decisions, the newest first; returns the number for bcd_decisions_shown_row(). */
uint64
bcd_decisions_shown(const BcdScope *scope)
{
	return bcd_scope_select(&decisions, scope);
}

void
bcd_decisions_shown_row(uint64 i, BcdDecisionShown *d)
{
	d->at = bcd_column_time(i, 1);
	d->what = bcd_column_text(i, 2);
	d->feed = bcd_column_text(i, 3);
	d->key = bcd_column_text(i, 4);
	d->by = bcd_column_text(i, 5);
	d->reason = bcd_column_text(i, 6);
	d->all = bcd_column_int64(i, 7, NULL);
}

static BcdStatement of_plan = {
	"SELECT j.at, j.what, j.by_role, j.reason, j.detail FROM bcdelta.journal AS j"
	" WHERE j.server = $1 AND j.feed IS NULL AND j.at >= $2 AND j.what <> 'note' ORDER BY j.journal_id DESC LIMIT $3",
	3, {NAMEOID, TIMESTAMPTZOID, INT4OID}
};

/*
 * Returns what was decided about a store, but not about single feeds of it, as
 * BcdDecisionShown structs, the newest first.  Keeps the current memory context.
 */
List *
bcd_decisions_of_plan(const char *server, TimestampTz since)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[] = {bcd_name_datum(server), TimestampTzGetDatum(since), Int32GetDatum(BCD_DECISIONS_MOST)};
	uint64		n = bcd_query_as_seen(&of_plan, args, NULL, 0);
	List	   *list = NIL;
	uint64		i;

	MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		BcdDecisionShown *d = palloc0(sizeof(BcdDecisionShown));

		d->at = bcd_column_time(i, 1);
		d->what = bcd_column_text(i, 2);
		d->by = bcd_column_text(i, 3);
		d->reason = bcd_column_text(i, 4);
		d->detail = bcd_column_text(i, 5);
		list = lappend(list, d);
	}
	return list;
}
