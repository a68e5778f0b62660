/*
 * key_holders.c
 *		Which records have which natural keys.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "engine/engine.h"
#include "engine/key_holders.h"
#include "engine/natural_key.h"
#include "engine/referrers.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_move.h"
#include "tables/link_unique.h"

/*
 * Does a feed map whole records?  Feeds that map only some fields, prices for
 * example, write to records of other feeds.
 */
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

/* Merges the entries of records that were found by several of their keys. */
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
	record->sent = link->sent;
	record->aside = link->aside;
	record->state = link->state;
	record->shared = link->shared;
	record->feed = link->feed;
	record->whole = link->whole;
	record->paused = link->paused;
	record->foreign = link->foreign;
	return record;
}

/*
 * Returns the linked records that have one of these hashes, each with all its
 * hashes in the same order, and sets *n to their number.  Includes records of
 * other feeds that write to the same resource.  In the current memory context.
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

/*
 * Records that the rows with these keys, and no others, have these records
 * from now on.
 */
void
bcd_unique_assign(const BcdFeed *feed, char **keys, int64 *store_ids, int n)
{
	bcd_links_assign(feed->name, keys, store_ids, n);
	bcd_mark_referrers(feed, store_ids, n);
}

/*
 * The store has shown that a record of a feed has an item's natural key.  What
 * is already known is kept, since it may be newer than the reply.
 */
void
bcd_unique_learn(BcdItem *item, const char *feed, int64 store_id)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *wanted = bcd_identity(item);
	const char *scope;
	Jsonb	   *has;
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = item->natural;
	v.val.string.len = strlen(item->natural);
	has = bcd_payload_set(NULL, bcd_resource_key(r, item->natural_index), &v);
	scope = bcd_resource_scope(r, bcd_resource_key(r, item->natural_index));
	if (scope)
		has = bcd_payload_set_integer(has, scope, bcd_payload_integer(wanted, scope));
	has = bcd_payload_merge(has, bcd_within_of(r, wanted));
	bcd_link_learn(feed, store_id, bcd_resource_key(r, item->natural_index), has);
}

/*
 * Do the row and its record, as far as known, agree in all parts of a natural
 * key?
 */
static bool
is_the_same(const BcdItem *item, Jsonb *known, const char *natural)
{
	const BcdResource *r = item->lane->feed->resource;
	const char *scope = bcd_resource_scope(r, natural);

	return bcd_payload_same(item->wanted, known, natural) &&
		(scope == NULL || bcd_payload_same(item->wanted, known, scope)) &&
		(r->within == NULL || bcd_payload_same(item->wanted, known, r->within)) &&
		(r->defaulted == NULL || bcd_payload_same(item->wanted, known, r->defaulted));
}

/*
 * The stage of an item that is going to do these tasks; of its record, this is
 * known.  A natural key that the record does not have is written in turn.
 */
BcdStage
bcd_stage_to_write(const BcdItem *item, Jsonb *known, List *tasks)
{
	BcdStage	stage = bcd_stage_of(linitial(tasks));

	return stage == item->lane->gates->key_stage && bcd_item_claims_key(item, known) ? BCD_TURN : stage;
}

/*
 * Is an item about to write a natural key that its record, of which this is
 * known, does not have?
 */
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
