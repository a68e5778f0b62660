/*
 * exchange_order.c
 *		The order in which natural keys become free.
 *
 * An item that waits for nobody starts a segment of the order.  Items that
 * wait only for items of the segment follow, as many as fit into one request.
 * The others wait until that is written.  In a circle, one item gives up what
 * another one waits for.
 */
#include "postgres.h"

#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/exchange_aside.h"
#include "engine/exchange_elsewhere.h"
#include "engine/exchange_order.h"
#include "engine/exchange_rivals.h"
#include "engine/item.h"
#include "engine/stage.h"
#include "resource/resource.h"

/* In an error: a row that is waited for waits for another one */
#define BEHIND	"which waits for row "

/*
 * A row is gone, but its record stays in the store and has what an item wants.
 * The record is asked, once, to give it up before anything else is written to
 * it.
 */
static BcdFate
fate_behind_gone(BcdTurns *t, BcdUnit *unit, BcdWant *want)
{
	BcdRecord  *record = want->record;

	if (bcd_rival_is(record, "ready") && record->lane && !record->lane->exhausted)
		return STAYS;
	if (bcd_record_is_written(t->lane, record->store_id))
		return STAYS;
	if (unit->item->asked || unit->asks || bcd_resource_made_key(t->lane->feed->resource, want->key.field))
		return WAITS;
	unit->asks = bcd_let_go(t->lane, record->lane, record->key, record->store_id, want->key.field);
	return unit->asks ? STAYS : WAITS;
}

/*
 * Returns why an item that waits for a row of another feed has to fail, or
 * NULL.
 */
static const char *
trouble_elsewhere(const BcdRecord *record)
{
	if (record->paused)
		return psprintf("which is paused; resume \"%s\", and push both feeds together", record->feed);
	if (record->lane == NULL)
		return "which has a change that was not pushed with this row; push both feeds together";
	return NULL;
}

/* Describes a row that was given up or waits for something else. */
static const char *
state_in_words(const BcdRecord *record)
{
	if (bcd_rival_is(record, "failed"))
		return "which could not be pushed; see its own error";
	if (bcd_rival_is(record, "review"))
		return "which a person has to look at";
	return "which waits for a row that it refers to";
}

static bool
is_given_up(const BcdRecord *record)
{
	return bcd_rival_is(record, "failed") || bcd_rival_is(record, "review") || bcd_rival_is(record, "deferred");
}

/*
 * The row of a feed that is pushed with another token is claimed when the items
 * here are done, or was before they were; so what waits for it comes back in
 * another round.
 */
static BcdFate
fate_behind_other_gates(BcdTurns *t, BcdUnit *unit, BcdRecord *record)
{
	if (is_given_up(record))
		unit->why = state_in_words(record);
	else if (bcd_rival_row(t, record)->state == BCD_ROW_MISSING && !bcd_rival_is(record, "ready") &&
			 record->lane->feed->on_delete != BCD_DELETE_DELETE)
		unit->why = "which is gone, and whose record is not written together with this one";
	if (unit->why)
		return FAILS;
	unit->elsewhere = record;
	return WAITS;
}

/*
 * Will a row that is not in this job give up what its record has, during this
 * run?
 */
static BcdFate
fate_behind(BcdTurns *t, BcdUnit *unit, BcdWant *want)
{
	BcdRecord  *record = want->record;
	bool		ready = bcd_rival_is(record, "ready");

	unit->waits_for = record->key;
	unit->waits_feed = record->feed;
	unit->waits_key = &want->key;
	unit->why = trouble_elsewhere(record);
	if (unit->why)
		return FAILS;
	if (record->lane->gates != t->lane->gates)
		return fate_behind_other_gates(t, unit, record);
	if (bcd_rival_is(record, "in_flight"))
		return t->last ? WAITS : STAYS;
	if (bcd_rival_row(t, record)->state == BCD_ROW_MISSING && record->lane->feed->on_delete != BCD_DELETE_DELETE)
		return fate_behind_gone(t, unit, want);
	if (is_given_up(record))
	{
		unit->why = state_in_words(record);
		return FAILS;
	}
	if (!ready || record->lane->exhausted)
		return WAITS;
	unit->blocked = t->last && t->full;
	return unit->blocked ? COMES_BACK : STAYS;
}

/*
 * If an item has several wants, the one that takes longest determines its
 * fate.
 */
static void
find_fate(BcdTurns *t, BcdUnit *unit, BcdWant *want)
{
	BcdUnit		before = *unit;
	BcdFate		fate = fate_behind(t, unit, want);

	if (fate > before.fate || before.waits_for == NULL)
		unit->fate = fate;
	else
	{
		unit->waits_for = before.waits_for;
		unit->waits_feed = before.waits_feed;
		unit->waits_key = before.waits_key;
		unit->why = before.why;
	}
}

/*
 * A row wants everything that another row of its feed has and keeps: the store
 * would ignore the write.
 */
static bool
is_the_same_again(BcdTurns *t, BcdUnit *unit, BcdWant *want)
{
	BcdRecord  *record = want->record;

	if (record->lane != unit->item->lane || record->shared ||
		bcd_resource_made_key(record->lane->feed->resource, want->key.field) == NULL ||
		!bcd_rival_keeps(t, record, &want->key))
		return false;
	unit->fate = FAILS;
	unit->waits_for = record->key;
	unit->waits_feed = record->feed;
	unit->waits_key = &want->key;
	unit->why = "which keeps it";
	unit->stuck = true;
	return true;
}

/*
 * The record that a row needs cannot be taken from another row while that is
 * under way.
 */
static void
find_same(BcdTurns *t, BcdUnit *unit)
{
	BcdWant    *want = &unit->same;

	if (!bcd_item_lacks_same(unit->item, &want->key))
		return;
	want->record = bcd_rival_of(t, unit->item, &want->key);
	if (want->record == NULL || want->record->owner || !bcd_rival_is(want->record, "in_flight") ||
		!bcd_rival_has_left(t, want->record, &want->key))
		return;
	find_fate(t, unit, want);
	unit->stuck = true;
}

/* Finds what has to be written before an item can be. */
static void
find_wants(BcdTurns *t, BcdUnit *unit)
{
	BcdUnique	keys[BCD_MAX_KEYS];
	int			n = bcd_wanted_keys(unit->item, keys);
	int			i;

	find_same(t, unit);

	for (i = 0; i < n; i++)
	{
		BcdWant    *want = &unit->wants[unit->nwants];

		want->key = keys[i];
		want->record = bcd_rival_of(t, unit->item, &keys[i]);
		if (want->record && unit->held_up == NULL &&
			(unit->held_up = bcd_rival_held_up(t, want->record)) != NULL)
		{
			unit->fate = Max(unit->fate, COMES_BACK);
			unit->stuck = true;
			continue;
		}
		if (want->record && unit->fate < COMES_BACK && is_the_same_again(t, unit, want))
		{
			unit->nwants++;
			continue;
		}
		if (want->record == NULL || bcd_rival_keeps(t, want->record, &keys[i]) ||
			(want->record->shared && !bcd_is_sure(unit->item)))
			continue;			/* it is free, as far as is known; else the
								 * store will refuse it */
		/* what is made of all fields is not given up for a moment */
		if (want->record->owner == NULL || bcd_resource_made_key(t->lane->feed->resource, want->key.field))
		{
			find_fate(t, unit, want);
			unit->stuck = true;
		}
		unit->nwants++;
	}
}

/*
 * Returns the item that another one waits for because of its nth want, or NULL
 * if it no longer has to wait.
 */
static BcdUnit *
waits_for(const BcdUnit *unit, int i)
{
	BcdUnit    *other = unit->wants[i].record->owner;

	return other && (other->segment == 0 || other->segment != unit->segment) ? other : NULL;
}

/* Returns how many items may go together with a segment's first one. */
static int
segment_limit(const BcdTurns *t, const BcdUnit *unit)
{
	int			limit = Min(bcd_batch_limit(t->lane, bcd_stage_of_keys(t->lane->feed->resource)), unit->item->group);

	return t->lane->run->strict || bcd_store_id_after(unit->item) == 0 ? 1 : limit;
}

/* Can an item be added to a segment, right behind the others? */
static bool
may_follow(const BcdTurns *t, const BcdUnit *unit, int segment, int size, int limit)
{
	int			i;

	if (unit->segment != 0 || unit->stuck || unit->fate != UNDECIDED || size >= limit ||
		bcd_store_id_after(unit->item) == 0 || segment_limit(t, unit) != limit)
		return false;
	for (i = 0; i < unit->nwants; i++)
		if (unit->wants[i].record->owner && unit->wants[i].record->owner->segment != segment)
			return false;
	return true;
}

/* The items that wait for each item, as linked lists in arrays */
typedef struct BcdWaiting
{
	int		   *first;			/* by unit; -1: none */
	int		   *next;			/* by want */
} BcdWaiting;

static BcdWaiting
find_waiting(const BcdTurns *t)
{
	BcdWaiting	w;
	int			i;
	int			j;

	w.first = palloc(sizeof(int) * t->n);
	w.next = palloc(sizeof(int) * t->n * BCD_MAX_KEYS);
	for (i = 0; i < t->n; i++)
		w.first[i] = -1;
	for (i = t->n - 1; i >= 0; i--)
		for (j = 0; j < t->units[i].nwants; j++)
		{
			BcdUnit    *other = t->units[i].wants[j].record->owner;
			int			edge = i * BCD_MAX_KEYS + j;

			if (other == NULL)
				continue;
			w.next[edge] = w.first[other - t->units];
			w.first[other - t->units] = edge;
		}
	return w;
}

/* Lets an item go, followed by items that have waited for it. */
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
	first->follows = false;
	t->order[t->norder++] = first;
	for (; at < t->norder; at++)
		for (edge = w->first[t->order[at] - t->units]; edge >= 0; edge = w->next[edge])
		{
			BcdUnit    *unit = &t->units[edge / BCD_MAX_KEYS];

			if (!may_follow(t, unit, t->segments, size, limit))
				continue;
			unit->fate = GOES;
			unit->segment = t->segments;
			unit->follows = true;
			t->order[t->norder++] = unit;
			size++;
		}
}

/* Returns which row a waiting row waits for in the end. */
static const char *
why_behind(const BcdUnit *unit)
{
	if (unit->fate != WAITS && unit->fate != FAILS)
		return NULL;
	if (unit->why && strncmp(unit->why, BEHIND, strlen(BEHIND)) == 0)
		return unit->why;
	return psprintf(BEHIND "%s of feed \"%s\"%s%s", unit->waits_for, unit->waits_feed,
					unit->why ? ", " : "", unit->why ? unit->why : "");
}

/* Marks as stuck what waits for an item that does not go now. */
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
			BcdUnit    *behind = &t->units[edge / BCD_MAX_KEYS];

			if (behind->stuck || behind->segment != 0)
				continue;
			behind->stuck = true;
			if (unit->fate >= COMES_BACK && unit->fate != STAYS)
			{
				behind->fate = unit->fate;
				behind->why = why_behind(unit);
				behind->waits_for = unit->item->key;
				behind->waits_feed = unit->item->lane->feed->name;
				behind->waits_key = &behind->wants[edge % BCD_MAX_KEYS].key;
			}
			stack[n++] = behind;
		}
	}
}

/* Returns an item of a circle that can be reached from this one, or NULL. */
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

/* Makes the item give up what others of the job wait for. */
static void
give_way(BcdTurns *t, const BcdWaiting *w, BcdUnit *unit)
{
	const char *fields[BCD_MAX_KEYS];
	int			n = 0;
	int			edge;

	for (edge = w->first[unit - t->units]; edge >= 0; edge = w->next[edge])
	{
		const BcdUnit *behind = &t->units[edge / BCD_MAX_KEYS];
		const char *field = behind->wants[edge % BCD_MAX_KEYS].key.field;

		if (bcd_resource_made_key(t->lane->feed->resource, field) == NULL &&
			(n == 0 || (n == 1 && strcmp(fields[0], field) != 0)))
			fields[n++] = field;
	}
	if (n == 0)
		return;
	bcd_give_way(unit->item, fields, n);
	start_segment(t, w, unit, GIVES_WAY);
}

/* Those of a circle that leads through other gates give up what they leave. */
static void
give_way_elsewhere(BcdTurns *t, const BcdWaiting *w)
{
	int			i;

	bcd_find_circles_elsewhere(t);
	for (i = 0; i < t->n; i++)
	{
		BcdUnit    *unit = &t->units[i];
		const char *fields[BCD_MAX_KEYS];
		int			n = unit->in_circle && unit->segment == 0 ? bcd_fields_left(unit, fields) : 0;

		if (n == 0)
			continue;
		bcd_give_way(unit->item, fields, n);
		start_segment(t, w, unit, GIVES_WAY);
	}
}

/* Puts the items into the order in which they should be written. */
void
bcd_put_in_order(BcdTurns *t)
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
		if (t->units[i].blocked && bcd_store_id_after(t->units[i].item) != 0 && w.first[i] >= 0)
			give_way(t, &w, &t->units[i]);
	give_way_elsewhere(t, &w);
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
