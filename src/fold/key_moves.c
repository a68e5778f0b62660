/*
 * key_moves.c
 *		Key changes: links move with their rows.
 *
 * bcdelta.move holds the key changes that were taken out of bcdelta.change. It
 * is complete when no committed change is left there: then it has all rows of
 * each statement that it has any of, and all changes that those depend on. A
 * statement that sees a key as another statement left it must have waited for
 * that statement's locks, so it committed later and has the higher number.
 *
 * The key changes of one statement take effect at the same time: UPDATE t SET
 * id = id + 1 moves every link to the key that another link is about to leave.
 * Successive statements are combined into one set with the same effect, so a
 * key that changes many times still moves in one step.
 *
 * The changes thus form chains. At the end of a chain there may be the link of
 * a row that was deleted before another row took its key. This link moves to
 * the key at the beginning of the chain, which no longer has a row; there it
 * is pending as a deleted row, and is handled as one.
 *
 * If a request may be under way for a link, the link stays where it is, and
 * all later key changes of its feed wait with it. The same is true for a
 * record that may have been created and has no link yet (lost_create.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "fold/key_moves.h"
#include "tables/link_move.h"
#include "tables/move.h"
#include "tables/pending_companions.h"
#include "tables/pending_mark.h"
#include "tables/pending_wait.h"

/* Number of key changes that are processed together */
#define PORTION		10000

/* What is at a key, as the changes are applied one after the other */
typedef struct BcdPlace
{
	char	   *key;			/* hash key */
	char	   *origin;			/* original key of the row; NULL: it had none,
								 * or there is no row */
	Datum		changed_at;		/* time of its first change */
	bool		left;			/* what was here originally has moved
								 * elsewhere */
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

/* Applies the changes of one statement, all at the same time. */
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

static bool
has_moved(const BcdPlace *place)
{
	return place->origin && strcmp(place->origin, place->key) != 0;
}

/* The moves of links to be made, as arrays */
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

/* Returns the key at which the chain that ends here begins. */
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

	/* each chain has one more place than changes, and may need another one */
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

/*
 * Moves the links by the combined effect of the statements, and marks all
 * their keys.
 */
static void
apply_set(int32 feed_id, HTAB *places)
{
	int			n = hash_get_num_entries(places);
	Datum	   *keys = palloc(sizeof(Datum) * n);
	Datum	   *ats = palloc(sizeof(Datum) * n);
	HASH_SEQ_STATUS seq;
	BcdPlace   *place;
	BcdSet		set;
	Datum		keys_array;
	int			i = 0;

	make_set(places, &set);
	bcd_links_move_set(feed_id, bcd_array(TEXTOID, set.keys, NULL, set.n),
					   bcd_array(TEXTOID, set.froms, NULL, set.n),
					   bcd_array(TEXTOID, set.if_linked, set.nulls, set.n));

	hash_seq_init(&seq, places);
	while ((place = hash_seq_search(&seq)) != NULL)
	{
		keys[i] = CStringGetTextDatum(place->key);
		ats[i++] = place->changed_at;
	}
	keys_array = bcd_array(TEXTOID, keys, NULL, n);
	bcd_pending_mark_moved(feed_id, keys_array, bcd_array(TIMESTAMPTZOID, ats, NULL, n));
	bcd_pending_free_moved(feed_id, keys_array);
}

/*
 * Applies all statements whose changes are here; returns the number of the
 * next one.
 */
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

/* Applies the first statement, which has more changes than fit into memory. */
static int64
apply_statement(int32 feed_id, int64 move_id)
{
	bcd_links_move_statement(feed_id, move_id + 1);
	bcd_pending_mark_moves(feed_id, move_id + 1);
	bcd_pending_free_moves(feed_id, move_id + 1);
	return move_id + 1;
}

/*
 * Moves the links of one feed as far as possible now. The caller has locked
 * the feed's row.
 */
void
bcd_moves_apply(int32 feed_id)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta moves",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		first = true;
	int64		end;
	int			n;

	bcd_pending_wake_moving(feed_id);
	end = bcd_pending_first_moving(feed_id);
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
		/* the last statement may not be complete here */
		while (n > 0 && moves[n - 1].move_id >= last)
			n--;
		if (first)
		{
			bcd_companions_resolve(feed_id);
			MemoryContextSwitchTo(cxt); /* a statement leaves another one */
			first = false;
		}
		last = n > 0 ? apply_portion(feed_id, moves, n) : apply_statement(feed_id, last);
		BCD_DEBUG_POINT("moving");
		bcd_moves_delete(feed_id, last);
		MemoryContextReset(cxt);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
