/*
 * feed_report.c
 *		Feeds and their problems, as a report shows them.
 */
#include "postgres.h"

#include "utils/acl.h"

#include "base/db.h"
#include "base/extension.h"
#include "tables/feed_report.h"
#include "tables/report_scope.h"

static BcdStatement owners = {
	"SELECT feed, owner::oid::int8 FROM bcdelta.feed WHERE server = $1 ORDER BY feed",
	1, {NAMEOID}
};

/* The names of a server's feeds, and their owners (list of OIDs). */
List *
bcd_feeds_of_server(const char *server, List **oids)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_query_as_seen(&owners, &arg, NULL, 0);
	uint64		i;

	MemoryContextSwitchTo(cxt);
	*oids = NIL;
	for (i = 0; i < n; i++)
		*oids = lappend_oid(*oids, (Oid) bcd_column_int64(i, 2, NULL));
	return bcd_column_list(n, 1);
}

/* May a role read all tables of a report, besides those of the history of a row? */
bool
bcd_report_readable(Oid role)
{
	static const char *const tables[] = {"feed", "sample", "event", "discrepancy", "proven", "rollback_field"};
	int			i;

	for (i = 0; i < lengthof(tables); i++)
		if (pg_class_aclcheck(bcd_table_oid(tables[i]), role, ACL_SELECT) != ACLCHECK_OK)
			return false;
	return true;
}

static BcdStatement feeds_now = {
	"SELECT count(*), count(*) FILTER (WHERE s.state = 'paused'), coalesce(sum(s.linked), 0)::int8,"
	" coalesce(sum(s.changes + s.ready + s.waiting + s.in_flight + s.deferred), 0)::int8,"
	" coalesce(sum(s.failed), 0)::int8, coalesce(sum(s.review), 0)::int8, min(s.oldest_pending), min(s.worker)"
	" FROM bcdelta.status AS s WHERE s.server = $1 AND " BCD_SCOPE_SEES("s.feed"),
	BCD_SCOPE_ARGS
};

/* How the feeds are now. */
void
bcd_feeds_now(const BcdScope *scope, BcdFeedsNow *now)
{
	int64	   *const counts[] = {&now->feeds, &now->paused, &now->linked, &now->pending, &now->failed, &now->review};
	int			j;

	(void) bcd_scope_select(&feeds_now, scope);
	for (j = 0; j < lengthof(counts); j++)
		*counts[j] = bcd_column_int64(0, 1 + j, NULL);
	now->oldest = bcd_column_time(0, 7);
	now->worker = bcd_column_text(0, 8);
}

static BcdStatement troubles = {
	"SELECT " BCD_SCOPE_MESSAGE("t") ", t.severity = 'critical' FROM bcdelta.trouble AS t"
	" WHERE t.server = $1 AND t.severity <> 'info' AND (t.feed IS NULL OR " BCD_SCOPE_SEES("t.feed") ")"
	" ORDER BY t.severity <> 'critical', t.message",
	BCD_SCOPE_ARGS
};

/* What is wrong now, the worst first; returns the number for bcd_feeds_trouble(). */
uint64
bcd_feeds_troubles(const BcdScope *scope)
{
	return bcd_scope_select(&troubles, scope);
}

char *
bcd_feeds_trouble(uint64 i, bool *critical)
{
	*critical = bcd_column_bool(i, 2);
	return bcd_column_text(i, 1);
}
