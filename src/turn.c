/*
 * turn.c
 *		Whose turn it is to write what must be unique.
 *
 * A row may want an article number or a name that another row's record has and
 * is about to leave: numbers that move on by one row, two names that change
 * places.  The store takes no such write before the other one is done.  So items
 * that are to write a natural key come here first, where the links tell who has
 * it (unique.c), and the whole of what is wanted is looked at together.
 *
 * Rows that exchange their keys exchange their records, where the resource is
 * such: then hardly anything is left to be written.  A row takes the record that
 * has its key, and whoever had that gets the other one; so any permutation is
 * done by as many steps as it has rows, whether or not all of them are here.  A
 * row whose own record has something else that identifies it, the name of an
 * article whose number was changed, keeps its record.
 *
 * What is left is sent in the order in which keys become free: a row and those
 * that follow it, in one batch as long as the store does one after the other,
 * and the rest when that is written.  In a circle one row gives its key up for
 * a moment (aside.c).
 *
 * Links are exchanged and rows step aside in the transaction in which that is
 * decided, before any request.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "db.h"
#include "engine.h"
#include "fold.h"
#include "payload.h"
#include "queue.h"
#include "unique.h"

/* Rows that wait for another one: how long, and how often before it takes longer */
#define WAIT_MS				1000
#define WAIT_ATTEMPTS		2
#define WAIT_SLOWEST		5

typedef enum BcdFate
{
	UNDECIDED,
	GOES,						/* its write is next */
	GIVES_WAY,					/* it gives up what others wait for */
	COMES_BACK,					/* it makes room for the row that it waits for */
	STAYS,						/* until something else has been written */
	WAITS						/* for a row that is not here */
} BcdFate;

/* A natural key that an item is to write */
typedef struct BcdWant
{
	BcdUnique	key;
	BcdRecord  *record;			/* that has it, of a row that leaves it */
} BcdWant;

/* An item, and what it waits for */
typedef struct BcdUnit
{
	BcdItem    *item;
	int64		had;			/* the record that it came with */
	BcdFate		fate;
	bool		displaced;		/* another row has its record now */
	bool		stuck;			/* it waits for one that is not here, or for one
								 * that does */
	bool		blocked;		/* by a row for which there is no room */
	int			segment;		/* of the order in which items go */
	const char *waits_for;		/* the key of that row */
	const BcdUnique *waits_key; /* and what it has to leave */
	int			nwants;
	BcdWant		wants[BCD_MAX_NATURAL];
	struct BcdUnit *visited;	/* in the search for a circle, from this one */
} BcdUnit;

typedef struct BcdMoveOf
{
	char	   *key;
	int64		store_id;
} BcdMoveOf;

typedef struct BcdTurns
{
	BcdLane    *lane;
	bool		last;			/* nothing else is under way in the lane */
	bool		more;			/* rows that are ready have not been claimed */
	bool		full;			/* and there is no room for them */
	int			n;
	BcdUnit    *units;
	BcdUnit   **by_key;
	int			nholders;
	BcdHolder  *holders;
	BcdMoveOf  *moves;			/* records of rows that are not here */
	int			nmoves;
	BcdUnit   **order;			/* those that go */
	int			norder;
	int			segments;
	BcdFeed    *identity;		/* the feed, for rows that cannot be sent */
} BcdTurns;

static const BcdResource *
resource_of(const BcdTurns *t)
{
	return t->lane->feed->resource;
}

/* Who has a key, for messages; in the item's memory. */
static char *
is_still_that_of(BcdItem *item, const char *field, const char *value, const char *other)
{
	char	   *text = psprintf("%s \"%s\" is still that of row %s in the store", field, value, other);

	return MemoryContextStrdup(item->cxt, text);
}

/*
 * The other row is still to leave what this one needs.  Rows that wait for each
 * other do not come back at the same time; nor does one come back often whose
 * other row is slow to go.
 */
void
bcd_decide_wait_for(BcdItem *item, const char *field, const char *value, const char *other)
{
	bcd_decide_wait(item, WAIT_MS * (1 + bcd_random() + (strcmp(item->key, other) > 0)) *
					Max(Min(item->attempts, WAIT_SLOWEST) - WAIT_ATTEMPTS, 1),
					is_still_that_of(item, field, value, other));
}

static Jsonb *
copy_of(const Jsonb *jsonb)
{
	Jsonb	   *copy = NULL;

	if (jsonb)
	{
		copy = palloc(VARSIZE(jsonb));
		memcpy(copy, jsonb, VARSIZE(jsonb));
	}
	return copy;
}

static int
compare_units(const void *a, const void *b)
{
	return strcmp((*(BcdUnit *const *) a)->item->key, (*(BcdUnit *const *) b)->item->key);
}

static int
compare_key(const void *key, const void *unit)
{
	return strcmp(key, (*(BcdUnit *const *) unit)->item->key);
}

static BcdUnit *
unit_of(const BcdTurns *t, const char *key)
{
	BcdUnit   **found = bsearch(key, t->by_key, t->n, sizeof(BcdUnit *), compare_key);

	return found ? *found : NULL;
}

/* The natural keys of an item's row that its record may not have. */
static int
wanted_keys(const BcdItem *item, BcdUnique *keys)
{
	const BcdResource *r = item->lane->feed->resource;
	int			n = 0;
	int			i;

	for (i = 0; r->natural[i]; i++)
		if (bcd_unique_of(r, item->wanted, r->natural[i], &keys[n]) &&
			!bcd_unique_has(r, item->known, &keys[n]))
			n++;
	return n;
}

/* Finds the records that have what the items want. */
static void
find_holders(BcdTurns *t)
{
	const BcdResource *r = resource_of(t);
	Datum	   *hashes = palloc(sizeof(Datum) * t->n * BCD_MAX_NATURAL);
	BcdUnique	key;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < t->n; i++)
		for (j = 0; r->natural[j]; j++)
			if (bcd_unique_of(r, t->units[i].item->wanted, r->natural[j], &key))
				hashes[n++] = Int64GetDatum(key.hash);
	t->holders = bcd_unique_holders(t->lane->feed, hashes, n, &t->nholders);
	for (i = 0; i < t->nholders; i++)
		t->holders[i].record->owner = unit_of(t, t->holders[i].record->key);
}

/* The record that has a key, and is not the item's own; NULL: none is known. */
static BcdRecord *
holder_of(const BcdTurns *t, const BcdItem *item, const BcdUnique *key)
{
	int			low = 0;
	int			high = t->nholders;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (t->holders[middle].hash < key->hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->nholders && t->holders[low].hash == key->hash; low++)
	{
		BcdRecord  *record = t->holders[low].record;
		BcdUnit    *owner = record->owner;
		Jsonb	   *known = owner && owner->item->store_id == record->store_id ?
		owner->item->known : record->payload;

		if (record->store_id != item->store_id && bcd_unique_has(resource_of(t), known, key))
			return record;
	}
	return NULL;
}

static BcdRecord *
record_of(const BcdTurns *t, int64 store_id)
{
	int			i;

	for (i = 0; store_id != 0 && i < t->nholders; i++)
		if (t->holders[i].record->store_id == store_id)
			return t->holders[i].record;
	return NULL;
}

/*
 * What the source has of a record's row that is not here; of one that cannot be
 * sent, what identifies it.
 */
static const BcdRow *
row_of(BcdTurns *t, BcdRecord *record)
{
	BcdFeed    *feed = t->lane->feed;

	if (record->is_read)
		return &record->row;
	bcd_feed_lock(feed);
	bcd_feed_row(feed, record->key, &record->row);
	if (record->row.state == BCD_ROW_INVALID || record->row.state == BCD_ROW_DEFERRED)
	{
		if (t->identity == NULL)
			t->identity = bcd_feed_identity(feed);
		bcd_feed_row(t->identity, record->key, &record->row);
	}
	record->is_read = true;
	return &record->row;
}

/* The payload that a record's row wants; NULL: it is gone, or cannot be told. */
static Jsonb *
owner_wants(BcdTurns *t, BcdRecord *record)
{
	if (record->owner)
		return record->owner->item->wanted;
	return row_of(t, record)->state == BCD_ROW_FOUND ? record->row.payload : NULL;
}

static bool
is_state(const BcdRecord *record, const char *state)
{
	return record->state && strcmp(record->state, state) == 0;
}

/* Has the row of a record left a key that the record has? */
static bool
has_left(BcdTurns *t, BcdRecord *record, const BcdUnique *key)
{
	Jsonb	   *wants = owner_wants(t, record);

	if (wants)
		return !bcd_unique_has(resource_of(t), wants, key);
	return record->owner == NULL && row_of(t, record)->state == BCD_ROW_MISSING;
}

/* Does a record have something, other than this field, that identifies a row? */
static bool
is_known_by_another(const BcdResource *r, Jsonb *wanted, Jsonb *known, const char *field)
{
	BcdUnique	key;
	int			i;

	for (i = 0; r->natural[i]; i++)
		if (strcmp(r->natural[i], field) != 0 && wanted &&
			bcd_unique_of(r, wanted, r->natural[i], &key) && bcd_unique_has(r, known, &key))
			return true;
	return false;
}

/* May a row that is not here lose its record now? */
static bool
may_be_taken(const BcdTurns *t, const BcdRecord *record)
{
	const BcdFeed *feed = t->lane->feed;

	if (bcd_fold_is_moving(feed->feed_id, record->key))
		return false;
	/* one that is gone from the source waits for this to be looked at */
	return !is_state(record, "in_flight") ||
		(record->is_read && record->row.state == BCD_ROW_MISSING &&
		 !bcd_record_is_written(t->lane, record->store_id, BCD_UPDATE));
}

/*
 * What another feed writes to a record, too, is not what the link of this one
 * says, unless the store has just told.
 */
static bool
is_sure(const BcdItem *item)
{
	return item->clashed || item->reread;
}

/* Is a row to get the record that has its key, in exchange for its own? */
static bool
may_exchange(BcdTurns *t, const BcdItem *item, BcdRecord *record, const BcdUnique *key)
{
	const BcdFeed *feed = t->lane->feed;
	Jsonb	   *theirs;
	bool		stays;

	if (record->shared && !is_sure(item))
		return false;
	if (!has_left(t, record, key) || (record->owner == NULL && !may_be_taken(t, record)))
		return false;
	theirs = owner_wants(t, record);
	stays = theirs == NULL && feed->on_delete != BCD_DELETE_DELETE;
	if (stays)
		return true;
	return feed->resource->exchanges &&
		!is_known_by_another(feed->resource, item->wanted, item->known, key->field) &&
		!is_known_by_another(feed->resource, theirs, record->payload, key->field);
}

/* A row that is not here gets a record. */
static void
move_record(BcdTurns *t, char *key, int64 store_id)
{
	int			i;

	for (i = 0; i < t->nmoves; i++)
		if (strcmp(t->moves[i].key, key) == 0)
			break;
	if (i == t->nmoves)
		t->nmoves++;
	t->moves[i].key = key;
	t->moves[i].store_id = store_id;
}

/* What is known of a record goes with it, to another item. */
static void
give(BcdItem *item, int64 store_id, Jsonb *known, Jsonb *remembered, Jsonb *aside)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	item->store_id = store_id;
	item->linked = store_id != 0;
	item->looked_up = false;
	item->unsure = false;
	item->clashed = false;
	item->refusal = NULL;
	item->own_id = 0;
	item->known = copy_of(known);
	item->remembered = copy_of(remembered);
	item->aside = copy_of(aside);
	MemoryContextSwitchTo(old);
}

/* A row takes a record, and the record's row gets the other one, if there is one. */
static void
exchange(BcdTurns *t, BcdUnit *unit, BcdRecord *record)
{
	BcdItem    *item = unit->item;
	BcdUnit    *other = record->owner;
	BcdRecord  *own = record_of(t, item->store_id);
	int64		own_id = item->store_id;
	Jsonb	   *known = item->known;
	Jsonb	   *remembered = item->remembered;
	Jsonb	   *aside = item->aside;

	if (other)
	{
		give(item, record->store_id, other->item->known, other->item->remembered, other->item->aside);
		give(other->item, own_id, known, remembered, aside);
		other->displaced = own_id == 0;
	}
	else
	{
		give(item, record->store_id, record->payload, record->remembered, record->aside);
		move_record(t, record->key, own_id);
	}
	unit->displaced = false;
	if (own)
	{
		own->owner = other;
		own->key = record->key;
		own->state = record->state;
		own->is_read = record->is_read;
		own->row = record->row;
		own->payload = known;
		own->remembered = remembered;
		own->aside = aside;
	}
	record->owner = unit;
	record->key = item->key;
}

/* Gives a row the record that has its natural key, if that is how it should be. */
static bool
exchange_one(BcdTurns *t, BcdUnit *unit)
{
	const BcdResource *r = resource_of(t);
	BcdItem    *item = unit->item;
	BcdRecord  *record;
	BcdUnique	key;
	int			i;

	for (i = 0; r->natural[i]; i++)
		if (bcd_unique_of(r, item->wanted, r->natural[i], &key))
			break;
	if (r->natural[i] == NULL || bcd_unique_has(r, item->known, &key))
		return false;
	record = holder_of(t, item, &key);
	if (record == NULL || !may_exchange(t, item, record, &key))
		return false;
	exchange(t, unit, record);
	return true;
}

static BcdStatement mark_displaced = {
	"INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT $1, key, clock_timestamp() FROM unnest($2) AS u (key)"
	" ON CONFLICT (feed, key) DO UPDATE SET state = 'ready', attempts = 0, next_attempt_at = NULL,"
	" waits_feed = NULL, waits_key = NULL WHERE p.state NOT IN ('in_flight', 'failed', 'review')",
	2, {TEXTOID, TEXTARRAYOID}
};

/* Writes down who has which record now. */
static void
record_exchanges(BcdTurns *t)
{
	int			most = t->n + t->nmoves;
	char	  **keys = palloc(sizeof(char *) * most);
	int64	   *ids = palloc(sizeof(int64) * most);
	Datum	   *others = palloc(sizeof(Datum) * (t->nmoves + 1));
	Datum		args[2];
	int			n = 0;
	int			i;

	for (i = 0; i < t->n; i++)
		if (t->units[i].item->store_id != t->units[i].had && t->units[i].item->store_id != 0)
		{
			keys[n] = t->units[i].item->key;
			ids[n++] = t->units[i].item->store_id;
		}
	if (n == 0)
		return;
	for (i = 0; i < t->nmoves; i++)
	{
		others[i] = CStringGetTextDatum(t->moves[i].key);
		if (t->moves[i].store_id == 0)
			continue;
		keys[n] = t->moves[i].key;
		ids[n++] = t->moves[i].store_id;
	}
	bcd_unique_assign(t->lane->feed, keys, ids, n);
	if (t->nmoves == 0)
		return;
	args[0] = CStringGetTextDatum(t->lane->feed->name);
	args[1] = bcd_array(TEXTOID, others, NULL, t->nmoves);
	(void) bcd_execute(&mark_displaced, args, NULL);
}

/* Is a row that is not here going to leave what its record has, in this run? */
static BcdFate
fate_behind(BcdTurns *t, BcdUnit *unit, BcdWant *want)
{
	BcdRecord  *record = want->record;

	unit->waits_for = record->key;
	unit->waits_key = &want->key;
	if (is_state(record, "in_flight"))
		return t->last ? WAITS : STAYS;
	if (row_of(t, record)->state == BCD_ROW_MISSING && t->lane->feed->on_delete != BCD_DELETE_DELETE)
		return UNDECIDED;
	if (!is_state(record, "ready") || !t->more)
		return WAITS;
	unit->blocked = t->last && t->full;
	return unit->blocked ? COMES_BACK : STAYS;
}

/* What has to be written before an item can be. */
static void
find_wants(BcdTurns *t, BcdUnit *unit)
{
	BcdUnique	keys[BCD_MAX_NATURAL];
	int			n = wanted_keys(unit->item, keys);
	int			i;

	for (i = 0; i < n; i++)
	{
		BcdWant    *want = &unit->wants[unit->nwants];
		BcdFate		fate;

		want->key = keys[i];
		want->record = holder_of(t, unit->item, &keys[i]);
		if (want->record == NULL || !has_left(t, want->record, &keys[i]) ||
			(want->record->shared && !is_sure(unit->item)))
			continue;			/* it is free, or the store has to tell */
		if (want->record->owner == NULL)
		{
			fate = fate_behind(t, unit, want);
			if (fate == UNDECIDED)
				continue;
			unit->fate = Max(unit->fate, fate);
			unit->stuck = true;
		}
		unit->nwants++;
	}
}

/* The item that one waits for by one of its wants; NULL: it does not any more. */
static BcdUnit *
waits_for(const BcdUnit *unit, int i)
{
	BcdUnit    *other = unit->wants[i].record->owner;

	return other && (other->segment == 0 || other->segment != unit->segment) ? other : NULL;
}

/* How many items may go with a segment's first one? */
static int
segment_limit(const BcdTurns *t, const BcdUnit *unit)
{
	int			limit = Min(bcd_batch_limit(t->lane, BCD_UPDATE), unit->item->group);

	return t->lane->run->store->strict || unit->item->store_id == 0 ? 1 : limit;
}

/* Can an item go right behind others of a segment? */
static bool
may_follow(const BcdTurns *t, const BcdUnit *unit, int segment, int size, int limit)
{
	int			i;

	if (unit->segment != 0 || unit->stuck || unit->item->store_id == 0 || size >= limit ||
		segment_limit(t, unit) != limit || unit->fate != UNDECIDED)
		return false;
	for (i = 0; i < unit->nwants; i++)
		if (unit->wants[i].record->owner && unit->wants[i].record->owner->segment != segment)
			return false;
	return true;
}

/* Those that wait for an item, as lists in an array */
typedef struct BcdWaiting
{
	int		   *first;			/* of each unit; -1: none */
	int		   *next;			/* of each want */
} BcdWaiting;

static BcdWaiting
find_waiting(const BcdTurns *t)
{
	BcdWaiting	w;
	int			i;
	int			j;

	w.first = palloc(sizeof(int) * t->n);
	w.next = palloc(sizeof(int) * t->n * BCD_MAX_NATURAL);
	for (i = 0; i < t->n; i++)
		w.first[i] = -1;
	for (i = t->n - 1; i >= 0; i--)
		for (j = 0; j < t->units[i].nwants; j++)
		{
			BcdUnit    *other = t->units[i].wants[j].record->owner;
			int			edge = i * BCD_MAX_NATURAL + j;

			if (other == NULL)
				continue;
			w.next[edge] = w.first[other - t->units];
			w.first[other - t->units] = edge;
		}
	return w;
}

/* Lets an item go, and behind it those that have waited for it. */
static void
start_segment(BcdTurns *t, const BcdWaiting *w, BcdUnit *first, BcdFate fate)
{
	int			limit = segment_limit(t, first);
	int			size = 1;
	int			at = t->norder;
	int			edge;

	t->segments++;
	first->fate = fate;
	first->segment = t->segments;
	first->item->follows = false;
	t->order[t->norder++] = first;
	for (; at < t->norder; at++)
		for (edge = w->first[t->order[at] - t->units]; edge >= 0; edge = w->next[edge])
		{
			BcdUnit    *unit = &t->units[edge / BCD_MAX_NATURAL];

			if (!may_follow(t, unit, t->segments, size, limit))
				continue;
			unit->fate = GOES;
			unit->segment = t->segments;
			unit->item->follows = true;
			t->order[t->norder++] = unit;
			size++;
		}
}

/* What waits for an item that does not go now has to wait, too. */
static void
spread_stuck(const BcdTurns *t, const BcdWaiting *w, BcdUnit **stack)
{
	int			n = 0;
	int			i;

	for (i = 0; i < t->n; i++)
		if (t->units[i].stuck || t->units[i].segment != 0)
			stack[n++] = &t->units[i];
	while (n > 0)
	{
		BcdUnit    *unit = stack[--n];
		int			edge;

		for (edge = w->first[unit - t->units]; edge >= 0; edge = w->next[edge])
		{
			BcdUnit    *behind = &t->units[edge / BCD_MAX_NATURAL];

			if (behind->stuck || behind->segment != 0)
				continue;
			behind->stuck = true;
			if (unit->fate == WAITS || unit->fate == COMES_BACK)
			{
				behind->fate = unit->fate;
				behind->waits_for = unit->item->key;
				behind->waits_key = &behind->wants[edge % BCD_MAX_NATURAL].key;
			}
			stack[n++] = behind;
		}
	}
}

/* An item of a circle that leads on from one; NULL: there is none. */
static BcdUnit *
find_circle(BcdUnit *unit)
{
	BcdUnit    *from = unit;

	while (unit && unit->visited == NULL && !unit->stuck && unit->segment == 0)
	{
		BcdUnit    *other = NULL;
		int			i;

		unit->visited = from;
		for (i = 0; i < unit->nwants && other == NULL; i++)
			other = waits_for(unit, i);
		unit = other;
	}
	return unit && unit->visited == from && !unit->stuck && unit->segment == 0 ? unit : NULL;
}

/* The item gives up what others of the job wait for. */
static void
give_way(BcdTurns *t, const BcdWaiting *w, BcdUnit *unit)
{
	const char *fields[BCD_MAX_NATURAL];
	int			n = 0;
	int			edge;

	for (edge = w->first[unit - t->units]; edge >= 0; edge = w->next[edge])
	{
		const BcdUnit *behind = &t->units[edge / BCD_MAX_NATURAL];
		const char *field = behind->wants[edge % BCD_MAX_NATURAL].key.field;

		if (n == 0 || (n == 1 && strcmp(fields[0], field) != 0))
			fields[n++] = field;
	}
	bcd_give_way(unit->item, fields, n);
	start_segment(t, w, unit, GIVES_WAY);
}

/* Puts the items into the order in which they are to be written. */
static void
put_in_order(BcdTurns *t)
{
	BcdUnit   **stack = palloc(sizeof(BcdUnit *) * t->n);
	BcdWaiting	w;
	bool		again;
	int			i;

	for (i = 0; i < t->n; i++)
		if (t->units[i].segment == 0)
			find_wants(t, &t->units[i]);
	w = find_waiting(t);
	for (i = 0; i < t->n; i++)
		if (t->units[i].nwants == 0 && !t->units[i].stuck && t->units[i].segment == 0)
			start_segment(t, &w, &t->units[i], GOES);
	for (i = 0; i < t->n; i++)
		if (t->units[i].blocked && t->units[i].item->store_id != 0 && w.first[i] >= 0)
			give_way(t, &w, &t->units[i]);
	do
	{
		again = false;
		spread_stuck(t, &w, stack);
		for (i = 0; i < t->n; i++)
			t->units[i].visited = NULL;
		for (i = 0; i < t->n; i++)
		{
			BcdUnit    *unit = find_circle(&t->units[i]);

			if (unit)
			{
				give_way(t, &w, unit);
				again = true;
			}
		}
	} while (again);
}

/* The row that an item waits for is on its way, or may yet be. */
static void
decide_waits(BcdUnit *unit)
{
	BcdItem    *item = unit->item;

	if (item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		bcd_queue_is_in_progress(item->lane->feed->name, unit->waits_for))
		bcd_decide_wait_for(item, unit->waits_key->field, unit->waits_key->value, unit->waits_for);
	else
		bcd_decide_failed(item, BCD_FAILED,
						  is_still_that_of(item, unit->waits_key->field, unit->waits_key->value,
										   unit->waits_for));
}

static void
decide(BcdTurns *t, BcdUnit *unit)
{
	BcdItem    *item = unit->item;

	switch (unit->fate)
	{
		case GOES:
			item->interim = false;
			if (item->store_id == 0)
				bcd_item_wants_create(item);
			else
			{
				MemoryContext old = MemoryContextSwitchTo(item->cxt);

				item->body = bcd_payload_changes(resource_of(t), item->wanted, item->known);
				MemoryContextSwitchTo(old);
				bcd_decide_stage(item, BCD_UPDATE);
			}
			break;
		case GIVES_WAY:
			bcd_decide_stage(item, BCD_UPDATE);
			item->decision.link = BCD_LINK_ASIDE;
			break;
		case WAITS:
			decide_waits(unit);
			break;
		case COMES_BACK:
			bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
			item->decision.pending = BCD_PENDING_READY;
			break;
		case UNDECIDED:
		case STAYS:
			t->lane->in_turns = true;
			bcd_decide_stage(item, BCD_TURN);
			break;
	}
}

/* Rows that have no record any more, or whose record has all that they want. */
static bool
decide_at_once(BcdUnit *unit)
{
	BcdItem    *item = unit->item;

	if (unit->displaced)
	{
		bcd_item_wants_record(item);
		return true;
	}
	if (item->store_id == 0 || item->store_id == unit->had)
		return false;
	/* a row that had no record has found one */
	item->looked_up = unit->had == 0;
	bcd_item_wants_write(item);
	return item->decision.leaves || item->decision.next != BCD_TURN;
}

/* The items of a job, in the order in which they go. */
static void
reorder(BcdJob *job, const BcdTurns *t)
{
	int			i;

	for (i = 0; i < t->norder; i++)
	{
		dlist_delete(&t->order[i]->item->node);
		dlist_push_tail(&job->items, &t->order[i]->item->node);
	}
}

static void
read_turns(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	BcdTurns	t = {lane};
	dlist_iter	iter;
	bool		again;
	int			i;

	t.last = lane->in_flight == 1 && lane->items == job->nitems;
	t.more = !lane->exhausted;
	t.full = !bcd_lane_has_room(lane);
	t.units = palloc0(sizeof(BcdUnit) * job->nitems);
	t.by_key = palloc(sizeof(BcdUnit *) * job->nitems);
	t.order = palloc(sizeof(BcdUnit *) * job->nitems);
	dlist_foreach(iter, &job->items)
	{
		BcdUnit    *unit = &t.units[t.n];

		unit->item = dlist_container(BcdItem, node, iter.cur);
		unit->had = unit->item->store_id;
		t.by_key[t.n++] = unit;
	}
	qsort(t.by_key, t.n, sizeof(BcdUnit *), compare_units);
	find_holders(&t);
	t.moves = palloc(sizeof(BcdMoveOf) * (t.nholders + 1));
	do
	{
		again = false;
		for (i = 0; i < t.n; i++)
			again |= exchange_one(&t, &t.units[i]);
	} while (again);
	record_exchanges(&t);
	for (i = 0; i < t.n; i++)
		if (decide_at_once(&t.units[i]))
			t.units[i].segment = -1;
	put_in_order(&t);
	for (i = 0; i < t.n; i++)
		if (t.units[i].segment >= 0)
			decide(&t, &t.units[i]);
	reorder(job, &t);
	if (t.identity)
		bcd_feed_free(t.identity);
}

/* Has anything happened since turns were given last? */
static bool
is_due(const BcdLane *lane)
{
	bool		full = lane->exhausted || !bcd_lane_has_room(lane);
	bool		alone = lane->in_flight == 0 && lane->items == lane->queued[BCD_TURN];

	return lane->looked_at != lane->moved || lane->was_full != full || (full && alone);
}

/* Gives their turn to those items whose turn it is: no request. */
BcdJob *
bcd_plan_turn(BcdLane *lane)
{
	BcdJob	   *job;

	if (lane->queued[BCD_TURN] == 0 || lane->flying[BCD_TURN] > 0 || !is_due(lane))
		return NULL;
	lane->looked_at = lane->moved;
	lane->was_full = lane->exhausted || !bcd_lane_has_room(lane);
	job = bcd_job_create(lane, BCD_TURN, NULL, NULL, NULL);
	job->read = read_turns;
	while (lane->queued[BCD_TURN] > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_TURN));
	return job;
}
