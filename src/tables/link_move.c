/*
 * link_move.c
 *		bcdelta.link: moving links to the new keys of their rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link_move.h"

/*
 * Moves the links, and the adjustments of their rows, all at once: because of the sort, all links have left their
 * old keys before the first one takes its new key.
 */
#define MOVE_LINKS \
	" unadjusted AS (" \
	"  DELETE FROM bcdelta.adjustment AS a USING m WHERE a.feed = m.feed AND a.key = m.moved_from" \
	"  RETURNING a.adjustment_id, a.feed, m.key, a.field, a.value, a.source_value, a.until, a.ends_at, a.reason, a.by_role," \
	"  a.made_at, a.state, a.asked, a.by_run)," \
	" adjusted AS (" \
	"  INSERT INTO bcdelta.adjustment (adjustment_id, feed, key, field, value, source_value, until, ends_at, reason," \
	"   by_role, made_at, state, asked, by_run) OVERRIDING SYSTEM VALUE SELECT * FROM unadjusted ORDER BY key)," \
	" gone AS (" \
	"  DELETE FROM bcdelta.link AS l USING m WHERE l.feed = m.feed AND l.key = m.moved_from" \
	"  RETURNING l.feed, m.key, l.store_id, l.address, l.payload, l.remembered, l.sent, l.found, l.referred, l.pushed_at, l.aside, l.doubt)" \
	" INSERT INTO bcdelta.link (feed, key, store_id, address, payload, remembered, sent, found, referred, pushed_at, aside, doubt)" \
	" SELECT feed, key, store_id, address, payload, remembered, sent, found, referred, pushed_at, aside, doubt FROM gone ORDER BY key"

/*
 * Moves a set of key changes that was collected from many statements. A change
 * that applies only if there is a link at another key has that key in the
 * third array.
 */
static BcdStatement move_set = {
	"WITH m AS ("
	"  SELECT f.feed, u.key, u.moved_from"
	"  FROM bcdelta.feed AS f, unnest($2, $3, $4) AS u (key, moved_from, if_linked)"
	"  WHERE f.feed_id = $1 AND (u.if_linked IS NULL OR EXISTS ("
	"   SELECT FROM bcdelta.link AS l WHERE l.feed = f.feed AND l.key = u.if_linked))),"
	MOVE_LINKS,
	4, {INT4OID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Moves the changes of the first statement, however many rows it has, without
 * arrays. The sub-select with a limit keeps each step back an index look-up.
 */
static BcdStatement move_statement = {
	"WITH RECURSIVE c AS ("
	"  SELECT f.feed, m.key, m.moved_from FROM bcdelta.move AS m JOIN bcdelta.feed AS f USING (feed_id)"
	"  WHERE m.feed_id = $1 AND m.move_id < $2),"
	" back AS ("
	"  SELECT c.feed, c.key AS last, c.moved_from AS first FROM c"
	"  JOIN bcdelta.link AS l ON l.feed = c.feed AND l.key = c.key"
	"  JOIN bcdelta.link AS k ON k.feed = c.feed AND k.key = c.moved_from"
	"  WHERE NOT EXISTS (SELECT FROM c AS n WHERE n.moved_from = c.key)"
	" UNION ALL"
	"  SELECT back.feed, back.last, before.moved_from FROM back CROSS JOIN LATERAL ("
	"   SELECT m.moved_from FROM bcdelta.move AS m"
	"   WHERE m.feed_id = $1 AND m.move_id < $2 AND m.key = back.first LIMIT 1) AS before),"
	" m AS ("
	"  SELECT feed, key, moved_from FROM c"
	" UNION ALL"
	"  SELECT feed, first, last FROM back WHERE NOT EXISTS (SELECT FROM c WHERE c.key = back.first)),"
	MOVE_LINKS,
	2, {INT4OID, INT8OID}
};

/*
 * Moves links from moved_froms to keys; entries with a key in if_linked only
 * if that key has a link. All are arrays of text.
 */
void
bcd_links_move_set(int32 feed_id, Datum keys, Datum moved_froms, Datum if_linked)
{
	Datum		args[] = {Int32GetDatum(feed_id), keys, moved_froms, if_linked};

	(void) bcd_execute(&move_set, args, NULL);
}

/*
 * Moves the links for the first statement's changes, those before number end.
 */
void
bcd_links_move_statement(int32 feed_id, int64 end)
{
	Datum		args[] = {Int32GetDatum(feed_id), Int64GetDatum(end)};

	(void) bcd_execute(&move_statement, args, NULL);
}

/*
 * A link moves with all that it says of the record: the payload, and the
 * values that were temporarily given up. Because of the sort, all links are
 * gone before the first one comes back with its new key.
 */
static BcdStatement assign_records = {
	"WITH n AS (SELECT * FROM unnest($2, $3) AS u (key, store_id)),"
	" gone AS ("
	"  DELETE FROM bcdelta.link WHERE ctid = ANY (ARRAY(SELECT found.tid FROM n"
	"   CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o"
	"    WHERE o.feed = $1 AND o.address = n.store_id::text LIMIT 1) AS found))"
	"  RETURNING store_id, address, payload, remembered, sent, referred, pushed_at, aside, doubt)"
	" INSERT INTO bcdelta.link (feed, key, store_id, address, payload, remembered, sent, referred, pushed_at, aside, doubt)"
	" SELECT $1, n.key, store_id, gone.address, gone.payload, gone.remembered, gone.sent, gone.referred, gone.pushed_at, gone.aside, gone.doubt"
	" FROM gone JOIN n USING (store_id)"
	" ORDER BY n.key",
	3, {TEXTOID, TEXTARRAYOID, INT8ARRAYOID}
};

/*
 * Links the rows of these keys to these records, which no other row may have.
 */
void
bcd_links_assign(const char *feed, char **keys, int64 *store_ids, int n)
{
	Datum	   *names = palloc(sizeof(Datum) * n);
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum		args[3];
	int			i;

	for (i = 0; i < n; i++)
	{
		names[i] = CStringGetTextDatum(keys[i]);
		ids[i] = Int64GetDatum(store_ids[i]);
	}
	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_array(TEXTOID, names, NULL, n);
	args[2] = bcd_array(INT8OID, ids, NULL, n);
	if (bcd_execute(&assign_records, args, NULL) != n)
		elog(ERROR, "links of feed \"%s\" changed while records were exchanged", feed);
}

/* The next keys that follow $2, or the first ones, in one of the tables */
#define SOME(column, source) \
	" (SELECT " column " FROM " source " AND " column " >= coalesce($2, '') AND " column " IS DISTINCT FROM $2" \
	"  ORDER BY " column " LIMIT $3)"

static BcdStatement next_keys = {
	"SELECT key FROM ("
	SOME("key", "bcdelta.link WHERE feed = $1")
	" UNION" SOME("key", "bcdelta.pending WHERE feed = $1 AND key <> '[null]'")
	" UNION" SOME("key", "bcdelta.adjustment WHERE feed = $1")
	" UNION" SOME("waits_key", "bcdelta.pending WHERE waits_feed = $1")
	" UNION" SOME("key", "bcdelta.move WHERE feed_id = (SELECT feed_id FROM bcdelta.feed WHERE feed = $1)")
	" UNION" SOME("moved_from", "bcdelta.move WHERE feed_id = (SELECT feed_id FROM bcdelta.feed WHERE feed = $1)")
	") AS k (key) ORDER BY key LIMIT $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Returns the next keys of a feed that appear in any table, in the current
 * memory context.
 */
List *
bcd_links_keys_in_use(const char *feed, const char *after, int limit)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(after, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	return bcd_column_list(bcd_select(&next_keys, args, nulls), 1);
}

static BcdStatement respell_links = {
	"UPDATE bcdelta.link AS l SET key = u.new FROM unnest($2, $3) AS u (old, new)"
	" WHERE l.feed = $1 AND l.key = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Replaces the spelling of keys of a feed (text[]); none of the new spellings
 * may be among the old ones.
 */
void
bcd_links_respell(const char *feed, Datum old, Datum new)
{
	Datum		args[] = {CStringGetTextDatum(feed), old, new};

	(void) bcd_execute(&respell_links, args, NULL);
}
