/*
 * link_below.c
 *		bcdelta.link: rows whose records are below others.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "resource/resource.h"
#include "tables/link_below.h"

/*
 * Rows with changes to be pushed, and which of the records in $5 theirs is
 * below, as far as the links tell; 0: it is not known where it is, since a
 * payload without the natural key ($4) was forgotten.  Rows that are gone, too,
 * are among them.
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

/* Those of a server's feeds of a resource; the ids are int8[]. */
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
