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
#include "tables/pending_mark.h"
#include "tables/pending_wait.h"

/* Key changes that are looked at together */
#define PORTION		10000

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
	bcd_links_move_statement(feed_id, move_id + 1);
	bcd_pending_mark_moves(feed_id, move_id + 1);
	bcd_pending_free_moves(feed_id, move_id + 1);
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
