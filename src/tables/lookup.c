/*
 * lookup.c
 *		bcdelta.lookup: captured values that a lookup has yet to match to
 *		rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "tables/feed.h"
#include "tables/lookup.h"

static BcdStatement insert_lookups = {
	"INSERT INTO bcdelta.lookup AS l (feed_id, dependency_id, captured, changed_at)"
	" SELECT c.feed_id, split_part(c.key, ' ', 1)::int4, substr(c.key, strpos(c.key, ' ') + 1), min(c.changed_at)"
	" FROM unnest($1, $2, $3) AS c(feed_id, key, changed_at) GROUP BY 1, 2, 3 ORDER BY 2, 3"
	" ON CONFLICT (dependency_id, captured) DO UPDATE SET changed_at = least(l.changed_at, excluded.changed_at)",
	3, {INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID}
};

/*
 * Adds captured values from changes, as arrays of their columns. Some of their
 * dependencies may be gone by now.
 */
void
bcd_lookups_insert(Datum feed_ids, Datum keys, Datum changed_ats)
{
	Datum		args[] = {feed_ids, keys, changed_ats};

	(void) bcd_execute(&insert_lookups, args, NULL);
}

/* One index look-up for each dependency */
static BcdStatement select_waiting = {
	"WITH RECURSIVE w(id) AS ("
	"  (SELECT dependency_id FROM bcdelta.lookup ORDER BY dependency_id LIMIT 1)"
	" UNION ALL"
	"  SELECT (SELECT l.dependency_id FROM bcdelta.lookup AS l WHERE l.dependency_id > w.id"
	"   ORDER BY l.dependency_id LIMIT 1) FROM w WHERE w.id IS NOT NULL)"
	" SELECT w.id::int8, d.lookup IS NOT NULL OR NOT " BCD_FEEDS_COMPLETE ", f.state = 'active' FROM w"
	" LEFT JOIN bcdelta.dependency AS d ON d.dependency_id = w.id"
	" LEFT JOIN bcdelta.feed AS f ON f.feed = d.feed WHERE w.id IS NOT NULL",
	0
};

static const BcdProbe any_lookup = {"lookup", "lookup_pkey"};

/*
 * Returns the dependencies that have captured values, as BcdLookupWait
 * structs.
 */
List *
bcd_lookups_waiting(void)
{
	List	   *list = NIL;
	uint64		n;
	uint64		i;

	/* nearly always there are none, and this is asked with every claim */
	if (!bcd_probe(&any_lookup, (Datum) 0, NULL))
		return NIL;
	n = bcd_select(&select_waiting, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		BcdLookupWait *wait = palloc(sizeof(BcdLookupWait));

		wait->dependency_id = (int32) bcd_column_int64(i, 1, NULL);
		wait->exists = bcd_column_bool(i, 2);
		wait->active = bcd_column_bool(i, 3);
		list = lappend(list, wait);
	}
	return list;
}

static BcdStatement select_captured = {
	"SELECT captured, changed_at FROM bcdelta.lookup WHERE dependency_id = $1"
	" ORDER BY captured LIMIT $2",
	2, {INT4OID, INT8OID}
};

/*
 * Returns some captured values of a dependency, in the current memory context.
 */
BcdCaptured *
bcd_lookups_read(int32 dependency_id, int limit, int *n)
{
	BcdCaptured *captured = palloc(sizeof(BcdCaptured) * limit);
	Datum		args[2];
	int			i;

	args[0] = Int32GetDatum(dependency_id);
	args[1] = Int64GetDatum(limit);
	*n = (int) bcd_select(&select_captured, args, NULL);
	for (i = 0; i < *n; i++)
	{
		bool		isnull;

		captured[i].values = PointerGetDatum(PG_DETOAST_DATUM_COPY(bcd_column_datum(i, 1, &isnull)));
		captured[i].changed_at = bcd_column_datum(i, 2, &isnull);
	}
	return captured;
}

static BcdStatement delete_captured = {
	"DELETE FROM bcdelta.lookup WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS c(captured)"
	" CROSS JOIN LATERAL (SELECT l.ctid AS tid FROM bcdelta.lookup AS l"
	"  WHERE l.dependency_id = $1 AND l.captured = c.captured LIMIT 1) AS found))",
	2, {INT4OID, TEXTARRAYOID}
};

/* Removes the first n captured values, if there are any. */
void
bcd_lookups_delete(int32 dependency_id, const BcdCaptured *captured, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * (n + 1));
	Datum		args[2];
	int			i;

	for (i = 0; i < n; i++)
		values[i] = captured[i].values;
	args[0] = Int32GetDatum(dependency_id);
	args[1] = bcd_array(TEXTOID, values, NULL, n);
	if (n > 0)
		(void) bcd_execute(&delete_captured, args, NULL);
}
