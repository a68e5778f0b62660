/*
 * link_ids.c
 *		bcdelta.link: the ids of all records that are linked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/link_ids.h"

/* A record that a verify did not find has a link whose payload was forgotten */
static BcdStatement select_ids = {
	"SELECT array_agg(DISTINCT l.store_id ORDER BY l.store_id) FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	" WHERE f.server = $1 AND f.resource = $2 AND f.store = $3 AND l.store_id IS NOT NULL"
	" AND NOT (l.payload IS NULL AND EXISTS (SELECT FROM bcdelta.discrepancy AS d WHERE d.run_id = $4"
	"  AND d.feed = l.feed AND d.store_id = l.store_id AND d.kind = 'missing_in_store'))",
	4, {NAMEOID, TEXTOID, TEXTOID, INT8OID}
};

/*
 * Returns the ids of the records of a resource that are linked to rows of any
 * feed, sorted, without those that a verify did not find; in the current
 * memory context.
 */
int64 *
bcd_link_ids(const char *server, const char *resource, const char *store, int64 run_id, int *n)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(resource), CStringGetTextDatum(store), Int64GetDatum(run_id)};

	(void) bcd_select(&select_ids, args, NULL);
	return bcd_column_ids(1, n);
}

static BcdStatement select_pushed = {
	"SELECT FROM bcdelta.link WHERE feed = $1 AND key = $2 AND pushed_at > $3",
	3, {TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

/* Has the store confirmed a write of a row since then? */
bool
bcd_link_pushed_since(const char *feed, const char *key, TimestampTz since)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), TimestampTzGetDatum(since)};

	return bcd_execute(&select_pushed, args, NULL) > 0;
}
