/*
 * key_moves.c
 *		Changed keys: links go with their rows.
 *
 * bcdelta.move holds the key changes that were taken out of bcdelta.change.
 * It is complete when no committed change is left there: then it has all rows
 * of each statement it has any of, and whatever those build on.  For a
 * statement that finds a key as another one has left it has waited for its
 * locks, so it committed later and has the higher number.
 *
 * The key changes of one statement happen at once: UPDATE t SET id = id + 1
 * moves every link to the key that another one is about to leave.  Those of
 * several statements, one after the other, are made into one set that has the
 * same effect; so a key may change often and it is all one step.
 *
 * So the changes form chains, at whose end may be the link of a row that was
 * deleted before another one took its key.  It changes to the key at the
 * chain's beginning, which has no row any more: there it is pending as a
 * deleted row, and is treated as such.
 *
 * A link that a request may be under way for stays where it is, and everything
 * of its feed that came later waits with it.  So does a record that may have
 * been created and has no link yet (lost_create.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "fold/key_moves.h"
#include "tables/move.h"
#include "tables/pending_mark.h"

/* Key changes that are looked at together */
#define PORTION		10000

/*
 * The first statement that has to wait for a row in flight, or for one whose
 * record may have been made and is not linked yet; null: none
 */
static BcdStatement select_blocked = {
	"SELECT min(m.move_id) FROM ("
	"  SELECT feed, key FROM bcdelta.pending WHERE state = 'in_flight'"
	"  UNION ALL SELECT feed, key FROM bcdelta.pending WHERE sought IS NOT NULL AND state <> 'review'"
	" ) AS p JOIN bcdelta.feed AS f USING (feed)"
	" JOIN bcdelta.move AS m ON m.feed_id = f.feed_id AND p.key IN (m.key, m.moved_from)"
	" WHERE f.feed_id = $1",
	1, {INT4OID}
};

/*
 * What the key changes wait for must not wait for somebody itself.  Where it
 * cannot be found out whether the record was made, it is in review from then
 * until it is marked by these changes, which go on without its record.
 */
static BcdStatement wake_sought = {
	"UPDATE bcdelta.pending AS p SET state = 'ready', attempts = 0, last_error = NULL,"
	" waits_feed = NULL, waits_key = NULL"
	" FROM bcdelta.feed AS f WHERE f.feed_id = $1 AND p.feed = f.feed AND p.sought IS NOT NULL"
	" AND p.state IN ('failed', 'deferred')"
	" AND EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $1 AND p.key IN (m.key, m.moved_from))",
	1, {INT4OID}
};

/*
 * Moves the links, all at once: the sort makes sure that all have left their
 * old keys before the first one takes its new key.
 */
#define MOVE_LINKS \
	" gone AS (" \
	"  DELETE FROM bcdelta.link AS l USING m WHERE l.feed = m.feed AND l.key = m.moved_from" \
	"  RETURNING l.feed, m.key, l.store_id, l.payload, l.remembered, l.referred, l.pushed_at, l.aside)" \
	" INSERT INTO bcdelta.link (feed, key, store_id, payload, remembered, referred, pushed_at, aside)" \
	" SELECT feed, key, store_id, payload, remembered, referred, pushed_at, aside FROM gone ORDER BY key"

/*
 * A set put together from many statements; what is only to be done if there
 * is a link at another key has that key in the third array.
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
 * The first statement, however many rows it has: likewise, without arrays.
 * The sub-select with a limit keeps the steps back to look-ups by an index.
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

/* Rows that refer to one of these were not to be pushed before. */
#define FREE_WAITING(keys) \
	"UPDATE bcdelta.pending AS p SET state = 'ready', waits_feed = NULL, waits_key = NULL, last_error = NULL" \
	" FROM bcdelta.feed AS f, " keys \
	" WHERE f.feed_id = $1 AND p.state = 'deferred' AND p.waits_feed = f.feed AND p.waits_key = k.key"

static BcdStatement free_set = {
	FREE_WAITING("unnest($2) AS k (key)"),
	2, {INT4OID, TEXTARRAYOID}
};

static BcdStatement free_statement = {
	FREE_WAITING("(SELECT key FROM bcdelta.move WHERE feed_id = $1 AND move_id < $2"
				 " UNION SELECT moved_from FROM bcdelta.move WHERE feed_id = $1 AND move_id < $2) AS k"),
	2, {INT4OID, INT8OID}
};

/* What is at a key, in the course of many changes */
typedef struct BcdPlace
{
	char	   *key;			/* hash key */
	char	   *origin;			/* the key that it had at first; NULL: a row
								 * that had none, or nothing */
	Datum		changed_at;		/* when it was changed first */
	bool		left;			/* what was here at first is elsewhere now */
} BcdPlace;

static uint32
hash_key(const void *key, Size size)
{
	const char *string = *(char *const *) key;

	return hash_bytes((const unsigned char *) string, strlen(string));
}

static int
compare_keys(const void *a, const void *b, Size size)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static HTAB *
create_places(int n)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(char *);
	ctl.entrysize = sizeof(BcdPlace);
	ctl.hash = hash_key;
	ctl.match = compare_keys;
	ctl.hcxt = CurrentMemoryContext;
	return hash_create("bcdelta places", n, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static BcdPlace *
place_of(HTAB *places, char *key, Datum changed_at)
{
	bool		found;
	BcdPlace   *place = hash_search(places, &key, HASH_ENTER, &found);

	if (!found)
	{
		place->origin = key;
		place->changed_at = changed_at;
		place->left = false;
	}
	return place;
}

/* Lets the changes of one statement happen, all at once. */
static void
step(HTAB *places, const BcdMove *moves, int n)
{
	char	  **origins = palloc(sizeof(char *) * n);
	int			i;

	for (i = 0; i < n; i++)
		origins[i] = place_of(places, moves[i].moved_from, moves[i].changed_at)->origin;
	for (i = 0; i < n; i++)
		place_of(places, moves[i].moved_from, moves[i].changed_at)->origin = NULL;
	for (i = 0; i < n; i++)
		place_of(places, moves[i].key, moves[i].changed_at)->origin = origins[i];
	pfree(origins);
}

static Datum
text_array(Datum *values, bool *nulls, int n)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

static bool
has_moved(const BcdPlace *place)
{
	return place->origin && strcmp(place->origin, place->key) != 0;
}

/* Link changes to be made, as arrays */
typedef struct BcdSet
{
	int			n;
	Datum	   *keys;
	Datum	   *froms;
	Datum	   *if_linked;
	bool	   *nulls;			/* of if_linked */
} BcdSet;

static void
add_to_set(BcdSet *set, const char *key, const char *from, const char *if_linked)
{
	set->keys[set->n] = CStringGetTextDatum(key);
	set->froms[set->n] = CStringGetTextDatum(from);
	set->nulls[set->n] = (if_linked == NULL);
	set->if_linked[set->n] = if_linked ? CStringGetTextDatum(if_linked) : (Datum) 0;
	set->n++;
}

/* The key where the chain begins that ends here */
static const char *
chain_start(HTAB *places, const BcdPlace *place)
{
	while (has_moved(place))
		place = hash_search(places, &place->origin, HASH_FIND, NULL);
	return place->key;
}

static void
make_set(HTAB *places, BcdSet *set)
{
	int			n = hash_get_num_entries(places);
	HASH_SEQ_STATUS seq;
	BcdPlace   *place;

	/* each chain has one more place than changes, and may need one more */
	set->n = 0;
	set->keys = palloc(sizeof(Datum) * n);
	set->froms = palloc(sizeof(Datum) * n);
	set->if_linked = palloc(sizeof(Datum) * n);
	set->nulls = palloc(sizeof(bool) * n);
	hash_seq_init(&seq, places);
	while ((place = hash_seq_search(&seq)) != NULL)
	{
		if (!has_moved(place))
			continue;
		add_to_set(set, place->key, place->origin, NULL);
		((BcdPlace *) hash_search(places, &place->origin, HASH_FIND, NULL))->left = true;
	}
	hash_seq_init(&seq, places);
	while ((place = hash_seq_search(&seq)) != NULL)
		if (has_moved(place) && !place->left)
			add_to_set(set, chain_start(places, place), place->key, place->origin);
}

/* Moves the links by what many statements come to, and marks all their keys. */
static void
apply_set(int32 feed_id, HTAB *places)
{
	int			n = hash_get_num_entries(places);
	Datum	   *keys = palloc(sizeof(Datum) * n);
	Datum	   *ats = palloc(sizeof(Datum) * n);
	HASH_SEQ_STATUS seq;
	BcdPlace   *place;
	BcdSet		set;
	Datum		args[4];
	int			i = 0;

	make_set(places, &set);
	args[0] = Int32GetDatum(feed_id);
	args[1] = text_array(set.keys, NULL, set.n);
	args[2] = text_array(set.froms, NULL, set.n);
	args[3] = text_array(set.if_linked, set.nulls, set.n);
	bcd_execute(&move_set, args, NULL);

	hash_seq_init(&seq, places);
	while ((place = hash_seq_search(&seq)) != NULL)
	{
		keys[i] = CStringGetTextDatum(place->key);
		ats[i++] = place->changed_at;
	}
	args[1] = text_array(keys, NULL, n);
	args[2] = PointerGetDatum(construct_array(ats, n, TIMESTAMPTZOID, sizeof(TimestampTz),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	bcd_pending_mark_moved(feed_id, args[1], args[2]);
	bcd_execute(&free_set, args, NULL);
}

/* Applies all statements whose changes are here; returns where the next begins. */
static int64
apply_portion(int32 feed_id, const BcdMove *moves, int n)
{
	HTAB	   *places = create_places(n);
	int			from;
	int			i;

	for (from = 0; from < n; from = i)
	{
		for (i = from; i < n && moves[i].move_id == moves[from].move_id; i++)
			;
		step(places, &moves[from], i - from);
	}
	apply_set(feed_id, places);
	return moves[n - 1].move_id + 1;
}

/* Applies the first statement, which has more changes than fit in memory. */
static int64
apply_statement(int32 feed_id, int64 move_id)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = Int64GetDatum(move_id + 1);
	bcd_execute(&move_statement, args, NULL);
	bcd_pending_mark_moves(feed_id, move_id + 1);
	bcd_execute(&free_statement, args, NULL);
	return move_id + 1;
}

/*
 * Moves the links of one feed as far as that is possible now.  The feed's row
 * is locked.
 */
void
bcd_moves_apply(int32 feed_id)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta moves",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Datum		args[1];
	int64		end;
	bool		all;
	int			n;

	args[0] = Int32GetDatum(feed_id);
	bcd_execute(&wake_sought, args, NULL);
	bcd_execute(&select_blocked, args, NULL);
	end = bcd_column_int64(0, 1, &all);
	if (all)
		end = PG_INT64_MAX;
	for (;;)
	{
		BcdMove    *moves;
		int64		last;

		MemoryContextSwitchTo(cxt);
		moves = bcd_moves_read(feed_id, end, PORTION + 1, &n);
		if (n == 0)
			break;
		last = moves[n - 1].move_id;
		if (n <= PORTION)
			last++;
		/* the last statement may not be here as a whole */
		while (n > 0 && moves[n - 1].move_id >= last)
			n--;
		last = n > 0 ? apply_portion(feed_id, moves, n) : apply_statement(feed_id, last);
		BCD_DEBUG_POINT("moving");
		bcd_moves_delete(feed_id, last);
		MemoryContextReset(cxt);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
