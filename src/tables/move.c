/*
 * move.c
 *		bcdelta.move: changed keys whose links have not moved yet.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "tables/feed.h"
#include "tables/move.h"

static BcdStatement insert_moves = {
	"INSERT INTO bcdelta.move (feed_id, key, moved_from, move_id, changed_at)"
	" SELECT * FROM unnest($1, $2, $3, $4, $5)",
	5, {INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID}
};

/* Adds key changes, as arrays of the columns. */
void
bcd_moves_insert(Datum feed_ids, Datum keys, Datum moved_froms, Datum move_ids, Datum changed_ats)
{
	Datum		args[] = {feed_ids, keys, moved_froms, move_ids, changed_ats};

	(void) bcd_execute(&insert_moves, args, NULL);
}

static const BcdProbe any_move = {"move", "move_order", "feed_id"};

/* Returns whether the feed has a key change whose link has not moved yet. */
bool
bcd_moves_any(int32 feed_id)
{
	return bcd_probe(&any_move, Int32GetDatum(feed_id), NULL);
}

static const BcdProbe any_move_left = {"move", "move_order"};

/*
 * Returns whether any feed has key changes left, including feeds that were
 * removed.
 */
bool
bcd_moves_left(void)
{
	return bcd_probe(&any_move_left, (Datum) 0, NULL);
}

static BcdStatement select_exists = {
	"SELECT 1 FROM bcdelta.move WHERE feed_id = $1 AND key = $2"
	" UNION ALL"
	" SELECT 1 FROM bcdelta.move WHERE feed_id = $1 AND moved_from = $2",
	2, {INT4OID, TEXTOID}
};

/* Returns whether there is an unapplied change of this key, or to this key. */
bool
bcd_moves_exist(int32 feed_id, const char *key)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = CStringGetTextDatum(key);
	return bcd_query(&select_exists, args, NULL, 1) > 0;
}

static BcdStatement select_moves = {
	"SELECT key, moved_from, move_id, changed_at FROM bcdelta.move"
	" WHERE feed_id = $1 AND move_id < $2 ORDER BY move_id LIMIT $3",
	3, {INT4OID, INT8OID, INT8OID}
};

/*
 * Reads the first key changes of a feed, those before number end, into the
 * current memory context.
 */
BcdMove *
bcd_moves_read(int32 feed_id, int64 end, int limit, int *n)
{
	BcdMove    *moves;
	Datum		args[3];
	int			i;

	args[0] = Int32GetDatum(feed_id);
	args[1] = Int64GetDatum(end);
	args[2] = Int64GetDatum(limit);
	*n = (int) bcd_select(&select_moves, args, NULL);
	moves = palloc(sizeof(BcdMove) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		bool		isnull;

		moves[i].key = bcd_column_text(i, 1);
		moves[i].moved_from = bcd_column_text(i, 2);
		moves[i].move_id = bcd_column_int64(i, 3, NULL);
		moves[i].changed_at = bcd_column_datum(i, 4, &isnull);
	}
	SPI_freetuptable(SPI_tuptable);
	return moves;
}

static BcdStatement delete_moves = {
	"DELETE FROM bcdelta.move WHERE feed_id = $1 AND move_id < $2",
	2, {INT4OID, INT8OID}
};

/* Removes the key changes of a feed before number end. */
void
bcd_moves_delete(int32 feed_id, int64 end)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = Int64GetDatum(end);
	(void) bcd_execute(&delete_moves, args, NULL);
}

/* Key changes of feeds that were removed meanwhile */
static BcdStatement delete_orphans = {
	BCD_MOVING " DELETE FROM bcdelta.move WHERE feed_id = ANY (ARRAY(SELECT w.id FROM w"
	" WHERE NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed_id = w.id))) AND " BCD_FEEDS_COMPLETE,
	0
};

void
bcd_moves_delete_orphans(void)
{
	(void) bcd_execute(&delete_orphans, NULL, NULL);
}

static BcdStatement respell_key = {
	"UPDATE bcdelta.move AS m SET key = u.new FROM bcdelta.feed AS f, unnest($2, $3) AS u (old, new)"
	" WHERE f.feed = $1 AND m.feed_id = f.feed_id AND m.key = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};
static BcdStatement respell_moved_from = {
	"UPDATE bcdelta.move AS m SET moved_from = u.new FROM bcdelta.feed AS f, unnest($2, $3) AS u (old, new)"
	" WHERE f.feed = $1 AND m.feed_id = f.feed_id AND m.moved_from = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Replaces the spelling of keys of a feed (text[]); none of the new spellings
 * may be among the old ones.
 */
void
bcd_moves_respell(const char *feed, Datum old, Datum new)
{
	Datum		args[] = {CStringGetTextDatum(feed), old, new};

	(void) bcd_execute(&respell_key, args, NULL);
	(void) bcd_execute(&respell_moved_from, args, NULL);
}
