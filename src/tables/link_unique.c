/*
 * link_unique.c
 *		Which record has a natural key: of all that are linked, by what they are
 *		known to hold.
 *
 * link.unique_keys has a hash for every natural key in a link's payload.  It is
 * generated, so it is right whoever writes the link; and it stays the same
 * while prices change, so that such a write touches no index.  A hash leads to
 * candidates, whose payloads decide.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "engine/referrers.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"

PG_FUNCTION_INFO_V1(bcdelta_unique_keys);

/* The hash of a value of a natural field. */
int64
bcd_unique_hash(const char *field, int64 scope, const char *value)
{
	char	   *text = psprintf("%s " INT64_FORMAT " %s", field, scope, bcd_folded(value));
	int64		hash = (int64) hash_bytes_extended((const unsigned char *) text, strlen(text), 0);

	pfree(text);
	return hash;
}

static bool
contains(const Datum *hashes, int n, int64 hash)
{
	while (n-- > 0)
		if (DatumGetInt64(hashes[n]) == hash)
			return true;
	return false;
}

/*
 * unique_keys(payload): nothing here says which resource the payload is of, so
 * it is taken for any that has these fields.
 */
Datum
bcdelta_unique_keys(PG_FUNCTION_ARGS)
{
	Jsonb	   *payload = PG_GETARG_JSONB_P(0);
	Datum		hashes[BCD_MAX_RESOURCES * BCD_MAX_KEYS];
	const BcdResource *r;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; JB_ROOT_IS_OBJECT(payload) && (r = bcd_resource_nth(i)) != NULL; i++)
		for (j = 0; bcd_resource_key(r, j); j++)
		{
			char	   *value = bcd_payload_text(payload, bcd_resource_key(r, j));
			int64		hash;

			if (value == NULL || value[0] == '\0')
				continue;
			hash = bcd_unique_hash(bcd_resource_key(r, j),
								   r->parent ? bcd_payload_integer(payload, r->parent) : 0, value);
			if (!contains(hashes, n, hash))
				hashes[n++] = Int64GetDatum(hash);
		}
	PG_RETURN_DATUM(bcd_array(INT8OID, hashes, NULL, n));
}

/* Has a payload this value of a natural field, as far as it tells? */
bool
bcd_unique_has(const BcdResource *r, Jsonb *payload, const BcdUnique *key)
{
	char	   *value = bcd_payload_text(payload, key->field);
	int64		tree;

	if (value == NULL || strcmp(bcd_folded(value), key->folded) != 0)
		return false;
	if (r->parent && bcd_payload_integer(payload, r->parent) != key->scope)
		return false;
	if (r->defaulted == NULL || key->scope != 0)
		return true;
	tree = bcd_payload_integer(payload, r->defaulted);
	return tree == 0 || key->tree == 0 || tree == key->tree;
}

/* The value that a payload has of a natural field; false: none. */
bool
bcd_unique_of(const BcdResource *r, Jsonb *payload, const char *field, BcdUnique *key)
{
	char	   *value = bcd_payload_text(payload, field);

	if (value == NULL || value[0] == '\0')
		return false;
	key->field = field;
	key->value = value;
	key->folded = bcd_folded(value);
	key->scope = r->parent ? bcd_payload_integer(payload, r->parent) : 0;
	key->tree = r->defaulted ? bcd_payload_integer(payload, r->defaulted) : 0;
	key->hash = bcd_unique_hash(field, key->scope, value);
	return true;
}

/* The names of all fields that a new record needs, as a text array. */
Datum
bcd_unique_required(const BcdResource *r)
{
	Datum	   *required = palloc(sizeof(Datum) * r->nfields);
	int			n = 0;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (r->fields[i].flags & BCD_F_REQUIRED)
			required[n++] = CStringGetTextDatum(r->fields[i].name);
	return bcd_array(TEXTOID, required, NULL, n);
}

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

/*
 * The links are found before anything is asked of their feeds: an index that
 * begins with the feed, which a plan made while there were few links would take,
 * leads to all links of it.
 */
static BcdStatement select_holders = {
	"WITH f AS ("
	"  SELECT o.feed, o.fields ?& $3 AS whole, o.state = 'paused' AS paused"
	"  FROM bcdelta.feed AS g JOIN bcdelta.feed AS o USING (server, resource)"
	"  WHERE g.feed = $1 AND (o.feed = $1 OR o.store = g.store))"
	" SELECT h.hash, l.key, l.store_id, l.payload, l.remembered, l.aside, p.state, EXISTS ("
	"  SELECT FROM f AS o CROSS JOIN LATERAL ("
	"   SELECT FROM bcdelta.link AS s WHERE s.feed = o.feed AND s.store_id = l.store_id OFFSET 0) AS s"
	"  WHERE o.feed <> l.feed), l.feed, f.whole, f.paused"
	" FROM ("
	"  SELECT o.feed, o.key, o.store_id, o.payload, o.remembered, o.aside, o.unique_keys"
	"  FROM bcdelta.link AS o WHERE o.unique_keys && $2 OFFSET 0) AS l"
	" JOIN f ON f.feed = l.feed"
	" CROSS JOIN LATERAL unnest(l.unique_keys) AS h (hash)"
	" LEFT JOIN LATERAL ("
	"  SELECT q.state FROM bcdelta.pending AS q WHERE q.feed = l.feed AND q.key = l.key LIMIT 1) AS p ON true",
	3, {TEXTOID, INT8ARRAYOID, TEXTARRAYOID}
};

/* A GIN scan compares each hash that is sought with each other one */
#define HASHES_AT_ONCE	64

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

static Jsonb *
payload_of(uint64 row, int column)
{
	bool		isnull;
	Datum		payload = bcd_column_datum(row, column, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(payload);
}

/* The i-th row of select_holders */
static void
read_holder(BcdHolder *holder, uint64 i)
{
	BcdRecord  *record = palloc0(sizeof(BcdRecord));
	bool		isnull;
	Datum		state;

	holder->hash = bcd_column_int64(i, 1, NULL);
	holder->record = record;
	record->key = bcd_column_text(i, 2);
	record->store_id = bcd_column_int64(i, 3, NULL);
	record->payload = payload_of(i, 4);
	record->remembered = payload_of(i, 5);
	record->aside = payload_of(i, 6);
	state = bcd_column_datum(i, 7, &isnull);
	record->state = isnull ? NULL : TextDatumGetCString(state);
	record->shared = bcd_column_bool(i, 8);
	record->feed = bcd_column_text(i, 9);
	record->whole = bcd_column_bool(i, 10);
	record->paused = bcd_column_bool(i, 11);
}

/*
 * The linked records that have one of these hashes, with all hashes that they
 * have, in the order of those; n: their number.  Those of a feed, and of all
 * others that are pushed to the same records.  In the memory of the transaction.
 */
BcdHolder *
bcd_unique_holders(const BcdFeed *feed, Datum *hashes, int nhashes, int *n)
{
	BcdHolder  *holders = palloc(sizeof(BcdHolder));
	Datum		args[3];
	int			first;

	args[0] = CStringGetTextDatum(feed->name);
	args[2] = bcd_unique_required(feed->resource);
	*n = 0;
	for (first = 0; first < nhashes; first += HASHES_AT_ONCE)
	{
		uint64		found;
		uint64		i;

		args[1] = bcd_array(INT8OID, hashes + first, NULL, Min(nhashes - first, HASHES_AT_ONCE));
		found = bcd_execute(&select_holders, args, NULL);
		holders = repalloc(holders, sizeof(BcdHolder) * (*n + found + 1));
		for (i = 0; i < found; i++)
			read_holder(&holders[*n + i], i);
		*n += (int) found;
		SPI_freetuptable(SPI_tuptable);
	}
	qsort(holders, *n, sizeof(BcdHolder), compare_holders);
	merge_records(holders, *n);
	return holders;
}

/*
 * A record goes with what the store is known to hold of it, and with what it
 * has given up for a moment.  The sort makes sure that all links are gone
 * before the first one comes back with its new key.
 */
static BcdStatement assign_records = {
	"WITH n AS (SELECT * FROM unnest($2, $3) AS u (key, store_id)),"
	" gone AS ("
	"  DELETE FROM bcdelta.link WHERE ctid = ANY (ARRAY(SELECT found.tid FROM n"
	"   CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o"
	"    WHERE o.feed = $1 AND o.store_id = n.store_id LIMIT 1) AS found))"
	"  RETURNING store_id, payload, remembered, referred, pushed_at, aside)"
	" INSERT INTO bcdelta.link (feed, key, store_id, payload, remembered, referred, pushed_at, aside)"
	" SELECT $1, n.key, store_id, gone.payload, gone.remembered, gone.referred, gone.pushed_at, gone.aside"
	" FROM gone JOIN n USING (store_id)"
	" ORDER BY n.key",
	3, {TEXTOID, TEXTARRAYOID, INT8ARRAYOID}
};

/* The rows of these keys have these records from now on; nobody else has. */
void
bcd_unique_assign(const BcdFeed *feed, char **keys, int64 *store_ids, int n)
{
	Datum	   *names = palloc(sizeof(Datum) * n);
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum		args[3];
	int			i;

	for (i = 0; i < n; i++)
	{
		names[i] = CStringGetTextDatum(keys[i]);
		ids[i] = Int64GetDatum(store_ids[i]);
	}
	args[0] = CStringGetTextDatum(feed->name);
	args[1] = bcd_array(TEXTOID, names, NULL, n);
	args[2] = bcd_array(INT8OID, ids, NULL, n);
	if (bcd_execute(&assign_records, args, NULL) != n)
		elog(ERROR, "links of feed \"%s\" changed while records were exchanged", feed->name);
	bcd_mark_referrers(feed, store_ids, n);
}

static BcdStatement learn = {
	"UPDATE bcdelta.link SET payload = coalesce(payload, '{}') || $4"
	" WHERE feed = $1 AND store_id = $2 AND (payload -> $3) IS NULL",
	4, {TEXTOID, INT8OID, TEXTOID, JSONBOID}
};

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
	Datum		args[4];
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = item->natural;
	v.val.string.len = strlen(item->natural);
	has = bcd_payload_set(NULL, bcd_resource_key(r, item->natural_index), &v);
	if (r->parent)
	{
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric,
															Int64GetDatum(bcd_payload_integer(wanted, r->parent))));
		has = bcd_payload_set(has, r->parent, &v);
	}
	args[0] = CStringGetTextDatum(feed);
	args[1] = Int64GetDatum(store_id);
	args[2] = CStringGetTextDatum(bcd_resource_key(r, item->natural_index));
	args[3] = JsonbPGetDatum(has);
	(void) bcd_execute(&learn, args, NULL);
}

/* Are the row and what is known of its record the same in all that a natural key is told by? */
static bool
is_the_same(const BcdItem *item, const char *natural)
{
	const BcdResource *r = item->lane->feed->resource;

	return bcd_payload_same(item->wanted, item->known, natural) &&
		(r->parent == NULL || bcd_payload_same(item->wanted, item->known, r->parent)) &&
		(r->defaulted == NULL || bcd_payload_same(item->wanted, item->known, r->defaulted));
}

/* Is an item to write a natural key that its record is not known to have? */
bool
bcd_item_claims_key(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUnique	key;
	int			i;

	for (i = 0; bcd_resource_key(r, i); i++)
		if (!is_the_same(item, bcd_resource_key(r, i)) &&
			bcd_unique_of(r, item->wanted, bcd_resource_key(r, i), &key) &&
			!bcd_unique_has(r, item->known, &key))
			return true;
	return false;
}
