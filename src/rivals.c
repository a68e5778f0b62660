/*
 * rivals.c
 *		Items that are to write natural keys, and the records that have them.
 *
 * The records are found by what they are known to hold (unique.c).  The row of
 * one may be among the items; else the source is asked for it.
 */
#include "postgres.h"

#include "engine.h"
#include "rivals.h"

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
int
bcd_wanted_keys(const BcdItem *item, BcdUnique *keys)
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
void
bcd_rivals_find(BcdTurns *t)
{
	const BcdResource *r = t->lane->feed->resource;
	Datum	   *hashes = palloc(sizeof(Datum) * t->n * BCD_MAX_NATURAL);
	BcdUnique	key;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < t->n; i++)
		for (j = 0; r->natural[j]; j++)
			if (bcd_unique_of(r, t->units[i].item->wanted, r->natural[j], &key))
				hashes[n++] = Int64GetDatum(key.hash);
	qsort(t->by_key, t->n, sizeof(BcdUnit *), compare_units);
	t->holders = bcd_unique_holders(t->lane->feed, hashes, n, &t->nholders);
	for (i = 0; i < t->nholders; i++)
		t->holders[i].record->owner = unit_of(t, t->holders[i].record->key);
}

/* The record that has a key, and is not the item's own; NULL: none is known. */
BcdRecord *
bcd_rival_of(const BcdTurns *t, const BcdItem *item, const BcdUnique *key)
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

		if (record->store_id != item->store_id && bcd_unique_has(t->lane->feed->resource, known, key))
			return record;
	}
	return NULL;
}

BcdRecord *
bcd_rivals_record(const BcdTurns *t, int64 store_id)
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
const BcdRow *
bcd_rival_row(BcdTurns *t, BcdRecord *record)
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

/* Has the row of a record left a key that the record has? */
bool
bcd_rival_has_left(BcdTurns *t, BcdRecord *record, const BcdUnique *key)
{
	Jsonb	   *wants = bcd_rival_wants(t, record);

	if (wants)
		return !bcd_unique_has(t->lane->feed->resource, wants, key);
	return record->owner == NULL && bcd_rival_row(t, record)->state == BCD_ROW_MISSING;
}

/*
 * What another feed writes to a record, too, is not what the link of this one
 * says, unless the store has just told.
 */
bool
bcd_is_sure(const BcdItem *item)
{
	return item->clashed || item->reread;
}
