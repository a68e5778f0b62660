/*
 * link_below.c
 *		bcdelta.link: rows whose records are children of other records.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "resource/resource.h"
#include "tables/link_below.h"

/*
 * Rows with unpushed changes whose records are, according to their links,
 * children of the records in $5, with the parent; the parent is 0 if it is
 * unknown because the payload was forgotten and the natural key ($4) with it.
 * Rows that no longer exist are included.
 */
static BcdStatement rows_below = {
	"WITH RECURSIVE places AS ("
	"  SELECT l.feed, l.key, l.store_id, CASE"
	"  WHEN jsonb_typeof(l.payload -> $3) = 'number' THEN nullif((l.payload -> $3)::int8, 0)"
	"  WHEN NOT coalesce(l.payload ? $4, false) THEN 0 END AS parent"
	"  FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	"  WHERE f.server = $1 AND f.resource = $2),"
	" above AS ("
	"  SELECT feed, key, parent FROM places JOIN bcdelta.pending AS p USING (feed, key)"
	" UNION"
	"  SELECT a.feed, a.key, l.parent FROM above AS a JOIN places AS l ON l.store_id = a.parent)"
	" SELECT parent, feed, key FROM above WHERE parent = ANY ($5) ORDER BY feed, key",
	5, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, INT8ARRAYOID}
};

/*
 * Finds these rows in all feeds of a server for a resource; the ids are
 * int8[].
 */
BcdBelow *
bcd_links_below(const char *server, const BcdResource *r, Datum ids, uint64 *n)
{
	BcdBelow   *below;
	Datum		args[5];
	uint64		i;

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(r->name);
	args[2] = CStringGetTextDatum(r->parent);
	args[3] = CStringGetTextDatum(bcd_resource_key(r, 0));
	args[4] = ids;
	*n = bcd_select(&rows_below, args, NULL);
	below = palloc(sizeof(BcdBelow) * (*n + 1));
	for (i = 0; i < *n; i++)
	{
		below[i].parent = bcd_column_int64(i, 1, NULL);
		below[i].feed = bcd_column_text(i, 2);
		below[i].key = bcd_column_text(i, 3);
	}
	return below;
}
