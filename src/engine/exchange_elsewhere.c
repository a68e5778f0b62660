/*
 * exchange_elsewhere.c
 *		Circles of natural keys through rows that are pushed with other
 *		tokens.
 *
 * Such rows have gates of their own, and are never here together with the items
 * that they wait for, or that wait for them. A row that waits notes the row that
 * it waits for in bcdelta.pending, and following these notes leads from an item
 * to another one that is here.
 *
 * In a circle, none of the items here can go before the other rows have what
 * they want, and those come first in the next round. So each of these items
 * gives up what it leaves, and the circle is done in the next round however
 * long it is. An item that waits, in the end, for a row that is not going to be
 * written is in no circle, and keeps what it has.
 */
#include "postgres.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_elsewhere.h"
#include "engine/exchange_rivals.h"
#include "engine/lane.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"
#include "tables/pending_wait.h"

/*
 * Returns the item of a record's row. If the row is not here but is pushed with
 * another token, and waits, through any number of rows, for an item that is
 * here, returns that item; NULL: it does not.
 */
static BcdUnit *
behind_record(const BcdTurns *t, const BcdRecord *record)
{
	char	   *feed;
	char	   *key;

	if (record->owner)
		return record->owner;
	if (record->lane == NULL || record->lane->gates == t->lane->gates || !bcd_rival_is(record, "waiting") ||
		!bcd_pending_waits_for(record->feed, record->key, &feed, &key))
		return NULL;
	return bcd_rivals_unit(t, bcd_run_lane(t->lane->run, feed), key);
}

/* Does an item wait for something other than items, here or elsewhere? */
static bool
is_held(const BcdUnit *unit)
{
	return unit->fate != UNDECIDED && !(unit->fate == WAITS && unit->elsewhere);
}

static bool
find_behind(const BcdTurns *t, BcdUnit *unit)
{
	int			i;

	for (i = 0; i < unit->nwants; i++)
		if ((unit->wants[i].behind = behind_record(t, unit->wants[i].record)) == NULL)
			return false;
	return true;
}

static bool
waits_for_doomed(const BcdUnit *unit)
{
	int			i;

	for (i = 0; i < unit->nwants; i++)
		if (unit->wants[i].behind->doomed)
			return true;
	return false;
}

/* Does an item wait for nothing but items that go now? */
static bool
waits_for_going(const BcdUnit *unit)
{
	int			i;

	for (i = 0; i < unit->nwants; i++)
		if (unit->wants[i].behind->fate != GOES)
			return false;
	return true;
}

/* Marks the items that have to give up what they leave. */
void
bcd_find_circles_elsewhere(BcdTurns *t)
{
	bool		again = false;
	int			i;

	for (i = 0; i < t->n; i++)
		again |= t->units[i].elsewhere != NULL;
	if (!again)
		return;
	for (i = 0; i < t->n; i++)
		t->units[i].doomed = t->units[i].segment == 0 && (is_held(&t->units[i]) || !find_behind(t, &t->units[i]));
	do
	{
		again = false;
		for (i = 0; i < t->n; i++)
		{
			BcdUnit    *unit = &t->units[i];

			if (unit->segment == 0 && !unit->doomed && waits_for_doomed(unit))
				again = unit->doomed = true;
		}
	} while (again);
	for (i = 0; i < t->n; i++)
	{
		BcdUnit    *unit = &t->units[i];

		unit->in_circle = unit->elsewhere && unit->segment == 0 && !unit->doomed &&
			bcd_store_id_after(unit->item) != 0 && !waits_for_going(unit);
	}
}

/*
 * Finds the natural fields in which an item's record has what the row does not
 * have any more. Returns their number.
 */
int
bcd_fields_left(const BcdUnit *unit, const char **fields)
{
	const BcdResource *r = unit->item->lane->feed->resource;
	BcdItemRecord record = bcd_record_after(unit->item);
	Jsonb	   *wanted = unit->item->wanted;
	const char *field;
	int			n = 0;
	int			i;

	for (i = 0; (field = bcd_resource_key(r, i)) != NULL; i++)
	{
		char	   *had = bcd_payload_text(record.aside, field);
		BcdUnique	key;

		/* a field that was given up before has something else already */
		if (bcd_resource_made_key(r, field) == NULL &&
			bcd_unique_of(r, record.known, field, &key) && bcd_payload_text(wanted, field) &&
			!bcd_unique_has(r, wanted, &key) && (had == NULL || strcmp(had, key.value) == 0))
			fields[n++] = field;
	}
	return n;
}
