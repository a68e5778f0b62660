/*
 * pending_deferred.c
 *		bcdelta.pending: rows that are deferred until another one is linked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link.h"
#include "tables/pending_deferred.h"
#include "tables/rows.h"

/* Only links to this store count */
static BcdStatement select_some = {
	"SELECT d.key, l.linked FROM ("
	"  SELECT key, waits_feed, waits_key FROM bcdelta.pending"
	"  WHERE state = 'deferred' AND feed = $1 AND " BCD_BEHIND_KEY " ORDER BY key LIMIT $3) AS d"
	" LEFT JOIN LATERAL ("
	"  SELECT NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = d.waits_feed AND f.store <> $4) AS linked"
	"  FROM bcdelta.link AS o WHERE o.feed = d.waits_feed AND o.key = d.waits_key LIMIT 1) AS l ON true"
	" ORDER BY d.key",
	4, {TEXTOID, TEXTOID, INT8OID, TEXTOID}
};
static BcdStatement make_ready = {
	"UPDATE bcdelta.pending SET state = 'ready', waits_feed = NULL, waits_key = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	"  CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"   WHERE o.state = 'deferred' AND o.feed = $1 AND o.key = n.key LIMIT 1) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

/*
 * Looks at up to limit deferred rows of a feed that follow the cursor, and
 * makes those ready that wait for rows linked to the store; returns their
 * number. *cursor is set to the last row, in the current memory context, or to
 * NULL when there are no more.
 */
int64
bcd_deferred_wake_some(const char *feed, const char *store, int64 limit, char **cursor)
{
	Datum	   *keys = palloc(sizeof(Datum) * limit);
	char		nulls[] = "    ";
	Datum		args[4];
	int			nkeys = 0;
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(*cursor, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	args[3] = CStringGetTextDatum(store);
	n = bcd_select(&select_some, args, nulls);
	for (i = 0; i < n; i++)
		if (bcd_column_bool(i, 2))
			keys[nkeys++] = CStringGetTextDatum(bcd_column_text(i, 1));
	*cursor = n < limit ? NULL : bcd_column_text(n - 1, 1);
	SPI_freetuptable(SPI_tuptable);
	if (nkeys == 0)
		return 0;
	args[1] = bcd_array(TEXTOID, keys, NULL, nkeys);
	return bcd_execute(&make_ready, args, NULL);
}

static BcdStatement select_until = {
	"SELECT f.feed_id::int8, p.key FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" WHERE p.state = 'deferred' AND p.waits_feed = $1 AND p.waits_key = $2 ORDER BY f.feed_id, p.key",
	2, {TEXTOID, TEXTOID}
};

/* Returns the rows of any feed that are deferred until this row is linked. */
BcdFoundRow *
bcd_deferred_until(const char *feed, const char *key, uint64 *n)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_found_rows(&select_until, args, n);
}
