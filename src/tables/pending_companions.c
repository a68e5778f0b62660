/*
 * pending_companions.c
 *		bcdelta.pending: rows whose records can be created with that of
 *		another row.
 *
 * They wait for that row, as deferred rows do.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link.h"
#include "tables/pending_companions.h"

static BcdStatement select_ready = {
	"SELECT key FROM bcdelta.pending WHERE state = 'ready' AND feed = $1 AND " BCD_BEHIND_KEY
	" ORDER BY key LIMIT $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Returns up to limit keys of ready rows of a feed that follow a key (NULL:
 * from the start), as a list of strings in the current memory context.
 */
List *
bcd_companions_ready(const char *feed, const char *after, int limit)
{
	char		nulls[] = "   ";
	Datum		args[3];
	List	   *keys = NIL;
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(after, &nulls[1]);
	args[2] = Int64GetDatum((int64) limit);
	n = bcd_select(&select_ready, args, nulls);
	for (i = 0; i < n; i++)
		keys = lappend(keys, bcd_column_text(i, 1));
	SPI_freetuptable(SPI_tuptable);
	return keys;
}

static BcdStatement defer = {
	"UPDATE bcdelta.pending AS p SET state = 'deferred', waits_feed = n.waits_feed, waits_key = n.waits_key, last_error = n.reason"
	" FROM unnest($2, $3, $4, $5) AS n(key, waits_feed, waits_key, reason)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"  WHERE o.state = 'ready' AND o.feed = $1 AND o.key = n.key LIMIT 1) AS found"
	" WHERE p.ctid = found.tid AND p.state = 'ready'",
	5, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/* Defers ready rows of a feed until others are linked, each for its reason. */
void
bcd_companions_defer(const char *feed, char **keys, const BcdCompanion *until, char **reasons, int n)
{
	Datum	   *columns[4];
	Datum		args[5];
	int			i;

	for (i = 0; i < 4; i++)
		columns[i] = palloc(sizeof(Datum) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		columns[0][i] = CStringGetTextDatum(keys[i]);
		columns[1][i] = CStringGetTextDatum(until[i].feed);
		columns[2][i] = CStringGetTextDatum(until[i].key);
		columns[3][i] = CStringGetTextDatum(reasons[i]);
	}
	args[0] = CStringGetTextDatum(feed);
	for (i = 0; i < 4; i++)
		args[i + 1] = bcd_array(TEXTOID, columns[i], NULL, n);
	if (n > 0)
		(void) bcd_execute(&defer, args, NULL);
}

static BcdStatement select_until = {
	"SELECT p.feed, p.key FROM bcdelta.pending AS p"
	" WHERE p.state = 'deferred' AND p.waits_feed = $1 AND p.waits_key = $2 AND p.feed = ANY ($3)"
	" AND (p.intent IS NULL OR p.intent -> '' -> $5 = jsonb_build_object('feed', $1, 'key', $2))"
	" ORDER BY p.feed, p.key LIMIT $4",
	5, {TEXTOID, TEXTOID, TEXTARRAYOID, INT8OID, TEXTOID}
};

/*
 * Returns the rows of some feeds (text[]) that are deferred until a row is
 * linked, up to limit, as a list of BcdCompanion in the current memory context.
 * Rows with a note of another create are left out, since that is still needed;
 * parent is the field in which a note has the row that it joined.
 */
List *
bcd_companions_until(const char *feed, const char *key, Datum feeds, const char *parent, int limit)
{
	Datum		args[5];
	List	   *rows = NIL;
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = feeds;
	args[3] = Int64GetDatum((int64) limit);
	args[4] = CStringGetTextDatum(parent);
	n = bcd_select(&select_until, args, NULL);
	for (i = 0; i < n; i++)
	{
		BcdCompanion *row = palloc(sizeof(BcdCompanion));

		row->feed = bcd_column_text(i, 1);
		row->key = bcd_column_text(i, 2);
		rows = lappend(rows, row);
	}
	SPI_freetuptable(SPI_tuptable);
	return rows;
}

static BcdStatement resolve = {
	"UPDATE bcdelta.pending AS p SET intent = jsonb_set(jsonb_set(p.intent, ARRAY['', '" BCD_JOINED "'], n.parent), ARRAY['', n.field], to_jsonb(n.store_id))"
	" FROM (SELECT o.feed, o.key, e.key AS field, e.value AS parent, l.store_id FROM bcdelta.feed AS f"
	"  CROSS JOIN bcdelta.pending AS o"
	"  CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(o.intent -> '') = 'object' THEN o.intent -> '' ELSE '{}' END) AS e"
	"  JOIN bcdelta.link AS l ON l.feed = f.feed AND l.key = e.value ->> 'key'"
	"  WHERE f.feed_id = $1 AND o.intent IS NOT NULL AND e.key <> '" BCD_JOINED "'"
	"  AND jsonb_typeof(e.value) = 'object' AND e.value ->> 'feed' = f.feed) AS n"
	" WHERE p.feed = n.feed AND p.key = n.key",
	1, {INT4OID}
};

/*
 * The keys of a feed's rows are about to change: notes of rows that have joined
 * the creates of such rows contain the ids of their records from now on.
 */
void
bcd_companions_resolve(int32 feed_id)
{
	Datum		args[] = {Int32GetDatum(feed_id)};

	(void) bcd_execute(&resolve, args, NULL);
}
