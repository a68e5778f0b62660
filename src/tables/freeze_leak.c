/*
 * freeze_leak.c
 *		bcdelta.freeze_leak: changes that were made during a freeze.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/freeze_leak.h"

/* A later freeze starts at 0. */
static BcdStatement add_leaks = {
	"INSERT INTO bcdelta.freeze_leak AS l (feed_id, dependency_id, since, changes, first_at, last_at, by_role, application)"
	" SELECT c.feed_id, c.dependency_id, s.since, count(*), min(c.changed_at), max(c.changed_at),"
	"  (array_agg(c.by_role ORDER BY c.changed_at DESC))[1], (array_agg(c.application ORDER BY c.changed_at DESC))[1]"
	" FROM unnest($1, $2, $3, $4, $5) AS c(feed_id, dependency_id, changed_at, by_role, application)"
	" JOIN bcdelta.feed AS f ON f.feed_id = c.feed_id"
	" JOIN bcdelta.stage AS s ON s.server = f.server AND s.stage = 'freeze' AND c.changed_at >= s.since"
	" GROUP BY c.feed_id, c.dependency_id, s.since"
	" ON CONFLICT (feed_id, dependency_id) DO UPDATE SET since = excluded.since,"
	" changes = excluded.changes + CASE WHEN l.since = excluded.since THEN l.changes ELSE 0 END,"
	" first_at = CASE WHEN l.since = excluded.since THEN least(l.first_at, excluded.first_at) ELSE excluded.first_at END,"
	" last_at = CASE WHEN l.since = excluded.since THEN greatest(l.last_at, excluded.last_at) ELSE excluded.last_at END,"
	" by_role = CASE WHEN l.since = excluded.since AND l.last_at > excluded.last_at THEN l.by_role ELSE excluded.by_role END,"
	" application = CASE WHEN l.since = excluded.since AND l.last_at > excluded.last_at"
	"  THEN l.application ELSE excluded.application END",
	5, {INT4ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/* Counts those changes whose store is at stage freeze since before they were made. */
void
bcd_freeze_leaks_add(const BcdLeaks *leaks)
{
	Datum		args[] = {
		bcd_array(INT4OID, leaks->feed_ids, NULL, leaks->n),
		bcd_array(INT4OID, leaks->dependency_ids, NULL, leaks->n),
		bcd_array(TIMESTAMPTZOID, leaks->changed_ats, NULL, leaks->n),
		bcd_array(TEXTOID, leaks->by_roles, leaks->no_role, leaks->n),
		bcd_array(TEXTOID, leaks->applications, leaks->no_application, leaks->n)
	};

	(void) bcd_execute(&add_leaks, args, NULL);
}

static BcdStatement delete_leaks = {
	"DELETE FROM bcdelta.freeze_leak WHERE feed_id = $1", 1, {INT4OID}
};

/* A feed goes. */
void
bcd_freeze_leaks_delete(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	(void) bcd_execute(&delete_leaks, &arg, NULL);
}
