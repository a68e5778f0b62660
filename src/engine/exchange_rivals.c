/*
 * exchange_rivals.c
 *		Items that are about to write natural keys, and the records that have
 *		these keys.
 *
 * The records are found by what they are known to hold (link_unique.c).  If a
 * record's row is not among the items, the source is asked for it.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_rivals.h"
#include "engine/key_holders.h"
#include "engine/lane.h"
#include "engine/natural_key.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"

/* Identifies a row among those of all feeds */
typedef struct BcdRowKey
{
	const BcdLane *lane;
	const char *key;
} BcdRowKey;

static int
compare_row(const BcdRowKey *row, const BcdItem *item)
{
	if (row->lane != item->lane)
		return (uintptr_t) row->lane < (uintptr_t) item->lane ? -1 : 1;
	return strcmp(row->key, item->key);
}

static int
compare_units(const void *a, const void *b)
{
	const BcdItem *x = (*(BcdUnit *const *) a)->item;
	BcdRowKey	row = {x->lane, x->key};

	return compare_row(&row, (*(BcdUnit *const *) b)->item);
}

static int
compare_key(const void *row, const void *unit)
{
	return compare_row(row, (*(BcdUnit *const *) unit)->item);
}

/* The item of a row, if it is here; else NULL. */
BcdUnit *
bcd_rivals_unit(const BcdTurns *t, const BcdLane *lane, const char *key)
{
	BcdRowKey	row = {lane, key};
	BcdUnit   **found = bsearch(&row, t->by_key, t->n, sizeof(BcdUnit *), compare_key);

	return found ? *found : NULL;
}

/*
 * Returns the natural keys of an item's row that its record may not have yet.
 */
int
bcd_wanted_keys(const BcdItem *item, BcdUnique *keys)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known = bcd_record_after(item).known;
	int			n = 0;
	int			i;

	for (i = 0; bcd_resource_key(r, i); i++)
		if (bcd_unique_of(r, item->wanted, bcd_resource_key(r, i), &keys[n]) &&
			!bcd_unique_has(r, known, &keys[n]))
			n++;
	return n;
}

/*
 * Has an item's row what no two records below one parent have in common, and
 * which its record lacks, as far as is known?  No record is ever given it.
 */
bool
bcd_item_lacks_same(const BcdItem *item, BcdUnique *key)
{
	const BcdResource *r = item->lane->feed->resource;

	return r->same_by && item->wanted && bcd_unique_of(r, item->wanted, r->same_by, key) &&
		!bcd_unique_has(r, bcd_record_after(item).known, key);
}

/*
 * A look-up by another item may have shown what natural key a record has, whose
 * own item has been waiting here without knowing it.  The link knows.
 */
static void
learn_keys(BcdItem *item, const BcdRecord *record)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdItemRecord own = bcd_record_after(item);
	bool		learns = false;
	const char *field;
	int			i;

	for (i = 0; own.store_id == record->store_id && (field = bcd_resource_key(r, i)) != NULL; i++)
		learns |= bcd_payload_has(record->payload, field) && !bcd_payload_has(own.known, field);
	if (learns)
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		bcd_decide_record(item)->known = bcd_payload_copy(bcd_payload_merge(record->payload, own.known));
		MemoryContextSwitchTo(old);
	}
}

/* Finds the records that have what the items want. */
void
bcd_rivals_find(BcdTurns *t)
{
	const BcdResource *r = t->lane->feed->resource;
	Datum	   *hashes = palloc(sizeof(Datum) * t->n * BCD_MAX_UNIQUE);
	BcdUnique	key;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < t->n; i++)
		for (j = 0; bcd_resource_unique(r, j); j++)
			if (bcd_unique_of(r, t->units[i].item->wanted, bcd_resource_unique(r, j), &key))
				hashes[n++] = Int64GetDatum(key.hash);
	qsort(t->by_key, t->n, sizeof(BcdUnit *), compare_units);
	t->holders = bcd_unique_holders(t->lane->feed, hashes, n, &t->nholders);
	for (i = 0; i < t->nholders; i++)
	{
		BcdRecord  *record = t->holders[i].record;

		record->lane = bcd_run_lane(t->lane->run, record->feed);
		if (record->lane && record->lane->stopped)
			record->lane = NULL;
		record->owner = record->lane ? bcd_rivals_unit(t, record->lane, record->key) : NULL;
		if (record->owner)
			learn_keys(record->owner->item, record);
	}
}

/*
 * May an item have to wait for a record?  For those of its own feed, and for
 * those of another one if both map whole records.
 */
static bool
is_rival(const BcdItem *item, int64 store_id, const BcdRecord *record, bool own)
{
	if ((record->store_id == store_id && !record->foreign) || (record->lane == item->lane) != own)
		return false;
	return own || (record->whole && bcd_unique_is_whole(item->lane->feed));
}

static BcdRecord *
find_rival(const BcdTurns *t, const BcdItem *item, const BcdUnique *key, int at, bool own)
{
	int64		store_id = bcd_store_id_after(item);

	for (; at < t->nholders && t->holders[at].hash == key->hash; at++)
	{
		BcdRecord  *record = t->holders[at].record;
		Jsonb	   *known = record->payload;

		if (record->owner)
		{
			BcdItemRecord theirs = bcd_record_after(record->owner->item);

			if (theirs.store_id == record->store_id)
				known = theirs.known;
		}
		if (is_rival(item, store_id, record, own) && bcd_unique_has(item->lane->feed->resource, known, key))
			return record;
	}
	return NULL;
}

/*
 * Returns the record, other than the item's own, that has a key; NULL: none is
 * known.
 */
BcdRecord *
bcd_rival_of(const BcdTurns *t, const BcdItem *item, const BcdUnique *key)
{
	int			low = 0;
	int			high = t->nholders;
	BcdRecord  *record;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (t->holders[middle].hash < key->hash)
			low = middle + 1;
		else
			high = middle;
	}
	record = find_rival(t, item, key, low, true);
	return record ? record : find_rival(t, item, key, low, false);
}

/* Returns the record of an item, if it is among those found. */
BcdRecord *
bcd_rivals_record(const BcdTurns *t, const BcdItem *item)
{
	int64		store_id = bcd_store_id_after(item);
	int			i;

	for (i = 0; store_id != 0 && i < t->nholders; i++)
		if (t->holders[i].record->store_id == store_id && t->holders[i].record->lane == item->lane)
			return t->holders[i].record;
	return NULL;
}

/* Reads the identity of a record's row that cannot be sent as a whole. */
static void
read_identity(BcdTurns *t, BcdRecord *record)
{
	if (t->identity && t->identity_of != record->lane)
	{
		bcd_feed_free(t->identity);
		t->identity = NULL;
	}
	if (t->identity == NULL)
		t->identity = bcd_feed_identity(record->lane->feed);
	t->identity_of = record->lane;
	bcd_feed_try_row(t->identity, record->key, &record->row);
	if (record->row.state == BCD_ROW_UNLISTED)
		record->row.state = BCD_ROW_HELD_UP;
}

/*
 * Returns a record's row that is not in the job, as it is in the source; if it
 * cannot be sent, only its identity.  A row that cannot be read now is held
 * up.
 */
const BcdRow *
bcd_rival_row(BcdTurns *t, BcdRecord *record)
{
	BcdFeed    *feed = record->lane ? record->lane->feed : NULL;

	if (record->is_read)
		return &record->row;
	record->is_read = true;
	record->row.state = BCD_ROW_HELD_UP;
	if (feed == NULL)
		return &record->row;
	bcd_feed_look_at_row(feed, record->key, &record->row);
	if (record->row.state == BCD_ROW_INVALID || record->row.state == BCD_ROW_DEFERRED || record->row.state == BCD_ROW_UNLISTED)
		read_identity(t, record);
	return &record->row;
}

/*
 * Returns why the row of a record, whose feed is in this run, cannot be read
 * now, or NULL.
 */
const char *
bcd_rival_held_up(BcdTurns *t, BcdRecord *record)
{
	const BcdRow *row = record->owner || record->lane == NULL ? NULL : bcd_rival_row(t, record);

	return row && row->state == BCD_ROW_HELD_UP ? row->message : NULL;
}

/*
 * Returns the payload that a record's row wants; NULL: it is gone, or unknown.
 */
Jsonb *
bcd_rival_wants(BcdTurns *t, BcdRecord *record)
{
	if (record->owner)
		return record->owner->item->wanted;
	return bcd_rival_row(t, record)->state == BCD_ROW_FOUND ? record->row.payload : NULL;
}

bool
bcd_rival_is(const BcdRecord *record, const char *state)
{
	return record->state && strcmp(record->state, state) == 0;
}

/*
 * Does the row of a record want to keep a key that the record has?  Rows that
 * are not pushed here keep what they have, unless they have a pending change;
 * and so do rows of a feed that does not map the field.
 */
bool
bcd_rival_keeps(BcdTurns *t, BcdRecord *record, const BcdUnique *key)
{
	Jsonb	   *wants;

	if (record->lane == NULL)
		return record->state == NULL;
	if (!bcd_feed_maps(record->lane->feed, key->field))
		return true;
	wants = bcd_rival_wants(t, record);
	return wants && bcd_unique_has(t->lane->feed->resource, wants, key);
}

/* Is the row of a record known to have given up a key that the record has? */
bool
bcd_rival_has_left(BcdTurns *t, BcdRecord *record, const BcdUnique *key)
{
	Jsonb	   *wants = bcd_rival_wants(t, record);

	if (wants)
		return !bcd_rival_keeps(t, record, key);
	return record->owner == NULL && bcd_rival_row(t, record)->state == BCD_ROW_MISSING;
}

/*
 * Is an item's link reliable?  If another feed writes to the same record, only
 * what the store has just returned is.
 */
bool
bcd_is_sure(const BcdItem *item)
{
	return item->reread || (bcd_reason_is_unexpected(item->lookup_reason) && !item->decision.exchanged);
}
