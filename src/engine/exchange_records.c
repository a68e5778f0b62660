/*
 * exchange_records.c
 *		Rows that exchange their natural keys exchange their records.
 *
 * A row takes the record that has its key, and the row that had this record
 * gets the other one.  So any permutation takes as many steps as it has rows,
 * whether or not all of them are in the job.  A row whose own record has
 * something else that identifies it keeps its record: for example the name of
 * an article whose number was changed.  Records never change feeds, since the
 * other feed may map other fields.
 *
 * What a record can never change, such as the size and color of a variant,
 * comes first: if rows exchange that, they have to exchange their records, and
 * a record with something else is of no use to a row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_records.h"
#include "engine/exchange_rivals.h"
#include "engine/item.h"
#include "engine/key_holders.h"
#include "fold/fold.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/feed_state.h"
#include "tables/link_unique.h"
#include "tables/pending_mark.h"

/*
 * Does a record have another field than this one that identifies a row, or did
 * it when last known?
 */
static bool
is_known_by_another(const BcdResource *r, Jsonb *wanted, Jsonb *known, Jsonb *remembered,
					const char *field)
{
	BcdUnique	key;
	int			i;

	known = bcd_payload_merge(remembered, known);
	for (i = 0; bcd_resource_key(r, i); i++)
		if (strcmp(bcd_resource_key(r, i), field) != 0 && wanted &&
			bcd_unique_of(r, wanted, bcd_resource_key(r, i), &key) && bcd_unique_has(r, known, &key))
			return true;
	return false;
}

/* May a row that is not in the job lose its record now? */
static bool
may_be_taken(const BcdTurns *t, const BcdRecord *record)
{
	/* a row that is gone from the source waits for this to be checked */
	if (bcd_rival_is(record, "in_flight") &&
		(!record->is_read || record->row.state != BCD_ROW_MISSING ||
		 bcd_record_is_written(t->lane, record->store_id)))
		return false;
	return !bcd_fold_is_moving(record->lane->feed->feed_id, record->key);
}

/*
 * Is there a feed for records below those of a lane, as variants are below
 * products?  They cannot follow their rows' parent to another record.
 */
static bool
has_records_below(BcdTurns *t)
{
	const BcdFeed *feed = t->lane->feed;
	const BcdResource *r;
	List	   *names = NIL;
	int			i;

	if (t->asked_below)
		return t->has_below;
	for (i = 0; (r = bcd_resource_nth(i)) != NULL; i++)
	{
		const BcdField *parent = r->parent ? bcd_resource_field(r, r->parent) : NULL;

		if (r != feed->resource && parent && parent->refers_to && strcmp(parent->refers_to, feed->resource->name) == 0)
			names = lappend(names, (char *) r->name);
	}
	t->asked_below = true;
	t->has_below = names != NIL && bcd_feed_any_of(feed->server, bcd_text_array(names));
	return t->has_below;
}

/* May a row have the record that has its key, in exchange for its own? */
static bool
is_to_be_had(BcdTurns *t, const BcdItem *item, BcdRecord *record, const BcdUnique *key)
{
	if (record->lane != item->lane || (record->shared && !bcd_is_sure(item)))
		return false;
	return bcd_rival_has_left(t, record, key) && (record->owner || may_be_taken(t, record));
}

/* And should it? */
static bool
may_exchange(BcdTurns *t, const BcdItem *item, BcdRecord *record, const BcdUnique *key)
{
	const BcdFeed *feed = item->lane->feed;
	BcdItemRecord own = bcd_record_after(item);
	BcdUnique	same;
	Jsonb	   *theirs;
	bool		stays;

	if (!is_to_be_had(t, item, record, key))
		return false;
	/* the row has its record by what that can never change */
	if (feed->resource->same_by && bcd_unique_of(feed->resource, item->wanted, feed->resource->same_by, &same))
		return false;
	theirs = bcd_rival_wants(t, record);
	if (is_known_by_another(feed->resource, item->wanted, own.known, own.remembered, key->field))
		return false;
	stays = theirs == NULL && feed->on_delete != BCD_DELETE_DELETE;
	if (stays)
		return own.store_id == 0 || !has_records_below(t);
	return feed->resource->exchanges && !has_records_below(t) &&
		!is_known_by_another(feed->resource, theirs, record->payload, record->remembered, key->field);
}

/* Gives a record to a row that is not in the job. */
static void
move_record(BcdTurns *t, BcdLane *lane, char *key, int64 store_id)
{
	int			i;

	for (i = 0; i < t->nmoves; i++)
		if (t->moves[i].lane == lane && strcmp(t->moves[i].key, key) == 0)
			break;
	if (i == t->nmoves)
		t->nmoves++;
	t->moves[i].lane = lane;
	t->moves[i].key = key;
	t->moves[i].store_id = store_id;
}

/* Gives a record, and what is known of it, to another item. */
static void
give(BcdItem *item, int64 store_id, Jsonb *known, Jsonb *remembered, Jsonb *sent, Jsonb *aside)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdItemRecord *record = bcd_decide_record(item);

	record->store_id = store_id;
	record->linked = store_id != 0;
	record->looked_up = false;
	record->unsure = false;
	record->known = bcd_payload_copy(known);
	record->remembered = bcd_payload_copy(remembered);
	record->sent = bcd_payload_copy(sent);
	record->aside = bcd_payload_copy(aside);
	item->decision.exchanged = true;
	MemoryContextSwitchTo(old);
}

/*
 * Makes a row take a record; if it had one, that goes to the record's former
 * row.
 */
static void
exchange(BcdTurns *t, BcdUnit *unit, BcdRecord *record)
{
	BcdItem    *item = unit->item;
	BcdUnit    *other = record->owner;
	BcdRecord  *own = bcd_rivals_record(t, item);
	BcdItemRecord ours = bcd_record_after(item);

	if (other)
	{
		BcdItemRecord theirs = bcd_record_after(other->item);

		give(item, record->store_id, theirs.known, theirs.remembered, theirs.sent, theirs.aside);
		give(other->item, ours.store_id, ours.known, ours.remembered, ours.sent, ours.aside);
		other->displaced = ours.store_id == 0;
	}
	else
	{
		give(item, record->store_id, record->payload, record->remembered, record->sent, record->aside);
		move_record(t, item->lane, record->key, ours.store_id);
	}
	unit->displaced = false;
	if (own)
	{
		own->owner = other;
		own->key = record->key;
		own->state = record->state;
		own->is_read = record->is_read;
		own->row = record->row;
		own->payload = ours.known;
		own->remembered = ours.remembered;
		own->sent = ours.sent;
		own->aside = ours.aside;
	}
	record->owner = unit;
	record->key = item->key;
}

/* Gives a row the record that has its natural key, if it should have it. */
static bool
exchange_one(BcdTurns *t, BcdUnit *unit)
{
	const BcdResource *r = unit->item->lane->feed->resource;
	BcdItem    *item = unit->item;
	BcdRecord  *record;
	BcdUnique	key;
	const char *field;
	bool		has_key = false;
	int			i;

	if (bcd_item_lacks_same(item, &key))
	{
		record = bcd_rival_of(t, item, &key);
		if (record && is_to_be_had(t, item, record, &key))
			exchange(t, unit, record);
		return record && record->owner == unit;
	}
	for (i = 0; !has_key && (field = bcd_resource_key(r, i)) != NULL; i++)
		has_key = bcd_unique_of(r, item->wanted, field, &key);
	if (!has_key || bcd_unique_has(r, bcd_record_after(item).known, &key))
		return false;
	record = bcd_rival_of(t, item, &key);
	if (record == NULL || !may_exchange(t, item, record, &key))
		return false;
	exchange(t, unit, record);
	return true;
}

/* Records which rows of a feed have exchanged their records. */
static void
record_exchanges(BcdTurns *t, BcdLane *lane)
{
	int			most = t->n + t->nmoves;
	char	  **keys = palloc(sizeof(char *) * most);
	int64	   *ids = palloc(sizeof(int64) * most);
	Datum	   *others = palloc(sizeof(Datum) * (t->nmoves + 1));
	int			nothers = 0;
	int			n = 0;
	int			i;

	for (i = 0; i < t->n; i++)
	{
		const BcdUnit *unit = &t->units[i];
		int64		has = bcd_store_id_after(unit->item);

		if (unit->item->lane != lane || has == unit->had || has == 0)
			continue;
		keys[n] = unit->item->key;
		ids[n++] = has;
	}
	if (n == 0)
		return;
	for (i = 0; i < t->nmoves; i++)
	{
		if (t->moves[i].lane != lane)
			continue;
		others[nothers++] = CStringGetTextDatum(t->moves[i].key);
		if (t->moves[i].store_id == 0)
			continue;
		keys[n] = t->moves[i].key;
		ids[n++] = t->moves[i].store_id;
	}
	bcd_unique_assign(lane->feed, keys, ids, n);
	if (nothers > 0)
		bcd_pending_mark_displaced(lane->feed->name, bcd_array(TEXTOID, others, NULL, nothers));
}

/* Gives every row the record that it should have, and records this. */
void
bcd_exchange(BcdTurns *t)
{
	const BcdRun *run = t->lane->run;
	bool		again;
	int			i;

	t->moves = palloc(sizeof(BcdMoveOf) * (t->nholders + 1));
	do
	{
		again = false;
		for (i = 0; i < t->n; i++)
			again |= exchange_one(t, &t->units[i]);
	} while (again);
	for (i = 0; i < run->nlanes; i++)
		record_exchanges(t, run->lanes[i]);
}
