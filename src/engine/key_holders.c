/*
 * key_holders.c
 *		The records that have natural keys.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "engine/engine.h"
#include "engine/key_holders.h"
#include "engine/natural_key.h"
#include "engine/referrers.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_move.h"
#include "tables/link_unique.h"

/* Feeds that map only some fields, of prices say, write to the records of others. */
bool
bcd_unique_is_whole(const BcdFeed *feed)
{
	const BcdResource *r = feed->resource;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if ((r->fields[i].flags & BCD_F_REQUIRED) && !bcd_feed_maps(feed, r->fields[i].name))
			return false;
	return true;
}

static int
compare_records(const void *a, const void *b)
{
	const BcdRecord *x = (*(BcdHolder *const *) a)->record;
	const BcdRecord *y = (*(BcdHolder *const *) b)->record;

	if (x->store_id != y->store_id)
		return x->store_id < y->store_id ? -1 : 1;
	return strcmp(x->feed, y->feed);
}

/* A record may have been found by several of its keys: it is one. */
static void
merge_records(BcdHolder *holders, int n)
{
	BcdHolder **order = palloc(sizeof(BcdHolder *) * Max(n, 1));
	int			i;

	for (i = 0; i < n; i++)
		order[i] = &holders[i];
	qsort(order, n, sizeof(BcdHolder *), compare_records);
	for (i = 1; i < n; i++)
		if (compare_records(&order[i], &order[i - 1]) == 0)
			order[i]->record = order[i - 1]->record;
	pfree(order);
}

static int
compare_holders(const void *a, const void *b)
{
	int64		x = ((const BcdHolder *) a)->hash;
	int64		y = ((const BcdHolder *) b)->hash;

	return x < y ? -1 : x > y;
}

static BcdRecord *
record_of(const BcdLinkHolder *link)
{
	BcdRecord  *record = palloc0(sizeof(BcdRecord));

	record->key = link->key;
	record->store_id = link->store_id;
	record->payload = link->payload;
	record->remembered = link->remembered;
	record->aside = link->aside;
	record->state = link->state;
	record->shared = link->shared;
	record->feed = link->feed;
	record->whole = link->whole;
	record->paused = link->paused;
	return record;
}

/*
 * The linked records that have one of these hashes, with all hashes that they
 * have, in the order of those; n: their number.  Those of a feed, and of all
 * others that are pushed to the same records.  In the current memory context.
 */
BcdHolder *
bcd_unique_holders(const BcdFeed *feed, Datum *hashes, int nhashes, int *n)
{
	BcdLinkHolder *links = bcd_link_holders(feed->name, feed->resource, hashes, nhashes, n);
	BcdHolder  *holders = palloc(sizeof(BcdHolder) * (*n + 1));
	int			i;

	for (i = 0; i < *n; i++)
	{
		holders[i].hash = links[i].hash;
		holders[i].record = record_of(&links[i]);
	}
	pfree(links);
	qsort(holders, *n, sizeof(BcdHolder), compare_holders);
	merge_records(holders, *n);
	return holders;
}

/* The rows of these keys have these records from now on; nobody else has. */
void
bcd_unique_assign(const BcdFeed *feed, char **keys, int64 *store_ids, int n)
{
	bcd_links_assign(feed->name, keys, store_ids, n);
	bcd_mark_referrers(feed, store_ids, n);
}

/*
 * The store has told that a record of a feed has an item's natural key.  What is known
 * already is not touched: it may be newer than a reply that was on its way.
 */
void
bcd_unique_learn(BcdItem *item, const char *feed, int64 store_id)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *wanted = bcd_identity(item);
	Jsonb	   *has;
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = item->natural;
	v.val.string.len = strlen(item->natural);
	has = bcd_payload_set(NULL, bcd_resource_key(r, item->natural_index), &v);
	if (r->parent)
		has = bcd_payload_set_integer(has, r->parent, bcd_payload_integer(wanted, r->parent));
	bcd_link_learn(feed, store_id, bcd_resource_key(r, item->natural_index), has);
}

/* Are the row and what is known of its record the same in all that a natural key is told by? */
static bool
is_the_same(const BcdItem *item, Jsonb *known, const char *natural)
{
	const BcdResource *r = item->lane->feed->resource;

	return bcd_payload_same(item->wanted, known, natural) &&
		(r->parent == NULL || bcd_payload_same(item->wanted, known, r->parent)) &&
		(r->defaulted == NULL || bcd_payload_same(item->wanted, known, r->defaulted));
}

/* Is an item to write a natural key that its record, of which this is known, has not? */
bool
bcd_item_claims_key(const BcdItem *item, Jsonb *known)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUnique	key;
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(r, i)) != NULL; i++)
		if (!is_the_same(item, known, field) && bcd_unique_of(r, item->wanted, field, &key) &&
			!bcd_unique_has(r, known, &key))
			return true;
	return false;
}
