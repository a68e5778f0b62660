/*
 * link_unique.c
 *		bcdelta.link: which linked record has a natural key, according to the
 *		payloads.
 *
 * link.unique_keys has a hash for every natural key in a link's payload, and
 * for what no two records below one parent have in common. It is
 * a generated column, so it is correct no matter who writes the link. It also
 * stays the same while only prices change, so such a write touches no index. A
 * hash leads to candidates, whose payloads are then compared.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"

PG_FUNCTION_INFO_V1(bcdelta_unique_keys);

static int64
hash_of(const char *field, int64 scope, const char *within, const char *folded)
{
	char	   *text = psprintf("%s " INT64_FORMAT "%s%s %s", field, scope, within[0] ? " " : "", within, folded);
	int64		hash = (int64) hash_bytes_extended((const unsigned char *) text, strlen(text), 0);

	pfree(text);
	return hash;
}

/* Returns a text field of a payload, "" if it has no value. */
static char *
text_of(Jsonb *payload, const char *field)
{
	char	   *text = field ? bcd_payload_text(payload, field) : NULL;

	return text ? text : "";
}

static bool
has(Jsonb *payload, const char *field)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(&payload->root, field, strlen(field), &v) != NULL;
}

static bool
contains(const Datum *hashes, int n, int64 hash)
{
	while (n-- > 0)
		if (DatumGetInt64(hashes[n]) == hash)
			return true;
	return false;
}

/* Returns the nth element of a collection in a payload, or NULL. */
static Jsonb *
nth_element(Jsonb *payload, const char *collection, uint32 nth)
{
	JsonbValue	array;
	JsonbValue *element;

	if (getKeyJsonValueFromContainer(&payload->root, collection, strlen(collection), &array) == NULL ||
		array.type != jbvBinary || !JsonContainerIsArray(array.val.binary.data) ||
		nth >= JsonContainerSize(array.val.binary.data))
		return NULL;
	element = getIthJsonbValueFromContainer(array.val.binary.data, nth);
	return element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data) ? JsonbValueToJsonb(element) : bcd_payload_empty();
}

/* More than a collection can have */
#define MOST_ELEMENTS	1000

/*
 * Appends hashes of what no two elements of all records have in common, as if
 * it were a natural key of the record.
 */
static int
add_elements(Jsonb *payload, const BcdField *field, Datum **hashes, int n)
{
	Jsonb	   *element;
	uint32		i;

	for (i = 0; i < MOST_ELEMENTS && (element = nth_element(payload, field->name, i)) != NULL; i++)
	{
		char	   *value = bcd_payload_text(element, field->records->unique);

		if (value == NULL || value[0] == '\0')
			continue;
		*hashes = repalloc(*hashes, sizeof(Datum) * (n + 1));
		(*hashes)[n++] = Int64GetDatum(hash_of(field->records->unique, 0, "", bcd_folded(value)));
	}
	return n;
}

/*
 * unique_keys(payload) does not know the resource of the payload, so it treats
 * it as every resource that has these fields.
 */
Datum
bcdelta_unique_keys(PG_FUNCTION_ARGS)
{
	Jsonb	   *payload = PG_GETARG_JSONB_P(0);
	int			nfields;
	const BcdUniqueField *fields = bcd_unique_fields(&nfields);
	const BcdField *const *collections = bcd_unique_collections();
	Datum	   *hashes = palloc(sizeof(Datum) * nfields);
	char	   *folded = NULL;
	int			n = 0;
	int			i;

	for (i = 0; JB_ROOT_IS_OBJECT(payload) && i < nfields; i++)
	{
		int64		hash;

		if (i == 0 || strcmp(fields[i].field, fields[i - 1].field) != 0)
		{
			/* a payload has few of the fields of all resources */
			char	   *value = has(payload, fields[i].field) ? bcd_payload_text(payload, fields[i].field) : NULL;

			folded = value && value[0] != '\0' ? bcd_folded(value) : NULL;
		}
		if (folded == NULL)
			continue;
		hash = hash_of(fields[i].field,
					   fields[i].parent ? bcd_payload_integer(payload, fields[i].parent) : 0,
					   text_of(payload, fields[i].within), folded);
		if (!contains(hashes, n, hash))
			hashes[n++] = Int64GetDatum(hash);
	}
	for (i = 0; JB_ROOT_IS_OBJECT(payload) && collections[i]; i++)
		n = add_elements(payload, collections[i], &hashes, n);
	PG_RETURN_DATUM(bcd_array(INT8OID, hashes, NULL, n));
}

/* Returns what sets apart records with one value of a natural field; or 0. */
static int64
apart_of(const BcdResource *r, const char *field, Jsonb *payload)
{
	int			i;

	for (i = 0; bcd_resource_key(r, i); i++)
		if (r->keys[i].apart_by && strcmp(bcd_resource_key(r, i), field) == 0)
			return bcd_payload_integer(payload, r->keys[i].apart_by);
	return 0;
}

/* Does an element of a payload have this value of a field? */
static bool
an_element_has(const BcdResource *r, Jsonb *payload, const BcdUnique *key)
{
	const BcdField *field;
	Jsonb	   *element;
	int			nth = 0;
	uint32		i;

	while (payload && (field = bcd_unique_collection(r, &nth)) != NULL)
		for (i = 0; strcmp(field->records->unique, key->field) == 0 && (element = nth_element(payload, field->name, i)) != NULL; i++)
		{
			char	   *value = bcd_payload_text(element, key->field);

			if (value && strcmp(bcd_folded(value), key->folded) == 0)
				return true;
		}
	return false;
}

/* Does a payload have this value itself, apart from its elements? */
static bool
has_itself(const BcdResource *r, Jsonb *payload, const BcdUnique *key)
{
	char	   *value = bcd_payload_text(payload, key->field);
	int64		apart;
	const char *scope = bcd_resource_scope(r, key->field);
	int64		tree;

	if (value == NULL || strcmp(bcd_folded(value), key->folded) != 0 ||
		(r->guarded && strcmp(value, key->value) != 0))
		return false;
	apart = key->apart != 0 ? apart_of(r, key->field, payload) : 0;
	if (apart != 0 && apart != key->apart)
		return false;
	if (scope && bcd_payload_integer(payload, scope) != key->scope)
		return false;
	if (strcmp(text_of(payload, r->within), key->within) != 0)
		return false;
	if (r->defaulted == NULL || key->scope != 0)
		return true;
	tree = bcd_payload_integer(payload, r->defaulted);
	return tree == 0 || key->tree == 0 || tree == key->tree;
}

/*
 * Returns whether a payload, of this resource or of the one that shares its
 * keys, is known to have this value of a unique field.
 */
bool
bcd_unique_has(const BcdResource *r, Jsonb *payload, const BcdUnique *key)
{
	const BcdResource *other = r->keys_with ? bcd_resource_find(r->keys_with) : NULL;

	return has_itself(r, payload, key) || an_element_has(r, payload, key) || (other && an_element_has(other, payload, key));
}

/*
 * Reads the value of a unique field from a payload. Returns false if it has
 * none. An array counts as its text.
 */
bool
bcd_unique_of(const BcdResource *r, Jsonb *payload, const char *field, BcdUnique *key)
{
	char	   *value = bcd_payload_text(payload, field);
	const char *scope = bcd_resource_scope(r, field);

	if (value == NULL || value[0] == '\0')
		return false;
	key->field = field;
	key->value = value;
	key->folded = bcd_folded(value);
	key->scope = scope ? bcd_payload_integer(payload, scope) : 0;
	key->apart = apart_of(r, field, payload);
	key->tree = r->defaulted ? bcd_payload_integer(payload, r->defaulted) : 0;
	key->within = text_of(payload, r->within);
	key->hash = hash_of(field, key->scope, key->within, key->folded);
	return true;
}

/*
 * Returns the names of all fields that a new record requires, as a text array.
 */
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

/*
 * The links are found before their feeds are read. Otherwise a plan made while
 * there were few links would use an index that begins with the feed, and would
 * read all links of the feed.
 */
static BcdStatement select_holders = {
	"WITH f AS ("
	"  SELECT o.feed, o.resource, o.fields ?& CASE WHEN o.resource = $4 THEN $5 ELSE $3 END AS whole, o.state = 'paused' AS paused,"
	"   o.resource = $4 AS foreign"
	"  FROM bcdelta.feed AS g JOIN bcdelta.feed AS o USING (server)"
	"  WHERE g.feed = $1 AND (o.feed = $1 OR o.store = g.store) AND o.resource IN (g.resource, $4))"
	" SELECT h.hash, l.key, l.store_id, l.payload, l.remembered, l.sent, l.aside, p.state, EXISTS ("
	"  SELECT FROM f AS o CROSS JOIN LATERAL ("
	"   SELECT FROM bcdelta.link AS s WHERE s.feed = o.feed AND s.address = l.address OFFSET 0) AS s"
	"  WHERE o.feed <> l.feed AND o.resource = f.resource), l.feed, f.whole, f.paused, f.foreign"
	" FROM ("
	"  SELECT o.feed, o.key, o.store_id, o.address, o.payload, o.remembered, o.sent, o.aside, o.unique_keys"
	"  FROM bcdelta.link AS o WHERE o.unique_keys && $2 OFFSET 0) AS l"
	" JOIN f ON f.feed = l.feed"
	" CROSS JOIN LATERAL unnest(l.unique_keys) AS h (hash)"
	" LEFT JOIN LATERAL ("
	"  SELECT q.state FROM bcdelta.pending AS q WHERE q.feed = l.feed AND q.key = l.key LIMIT 1) AS p ON true",
	5, {TEXTOID, INT8ARRAYOID, TEXTARRAYOID, TEXTOID, TEXTARRAYOID}
};

static void
read_holder(BcdLinkHolder *holder, uint64 i)
{
	holder->hash = bcd_column_int64(i, 1, NULL);
	holder->key = bcd_column_text(i, 2);
	holder->store_id = bcd_column_int64(i, 3, NULL);
	holder->payload = bcd_column_jsonb(i, 4);
	holder->remembered = bcd_column_jsonb(i, 5);
	holder->sent = bcd_column_jsonb(i, 6);
	holder->aside = bcd_column_jsonb(i, 7);
	holder->state = bcd_column_text(i, 8);
	holder->shared = bcd_column_bool(i, 9);
	holder->feed = bcd_column_text(i, 10);
	holder->whole = bcd_column_bool(i, 11);
	holder->paused = bcd_column_bool(i, 12);
	holder->foreign = bcd_column_bool(i, 13);
}

/* A GIN scan compares each requested hash with every other */
#define HASHES_AT_ONCE	64

/*
 * Returns the links whose records have one of these hashes, with all hashes of
 * each; n is set to their number. This covers the links of the feed, of all
 * other feeds that are pushed to the same records, and of those whose records
 * share its natural keys. The result is in the current memory context.
 */
BcdLinkHolder *
bcd_link_holders(const char *feed, const BcdResource *resource, Datum *hashes, int nhashes, int *n)
{
	BcdLinkHolder *holders = palloc(sizeof(BcdLinkHolder));
	const BcdResource *other = resource->keys_with ? bcd_resource_find(resource->keys_with) : NULL;
	Datum		args[5];
	int			first;

	args[0] = CStringGetTextDatum(feed);
	args[2] = bcd_unique_required(resource);
	args[3] = CStringGetTextDatum(other ? other->name : "");
	args[4] = bcd_unique_required(other ? other : resource);
	*n = 0;
	for (first = 0; first < nhashes; first += HASHES_AT_ONCE)
	{
		uint64		found;
		uint64		i;

		args[1] = bcd_array(INT8OID, hashes + first, NULL, Min(nhashes - first, HASHES_AT_ONCE));
		found = bcd_select(&select_holders, args, NULL);
		holders = repalloc(holders, sizeof(BcdLinkHolder) * (*n + found + 1));
		for (i = 0; i < found; i++)
			read_holder(&holders[*n + i], i);
		*n += (int) found;
		SPI_freetuptable(SPI_tuptable);
	}
	return holders;
}

static BcdStatement learn = {
	"UPDATE bcdelta.link SET payload = coalesce(payload, '{}') || $4"
	" WHERE feed = $1 AND address = $2::text AND (payload -> $3) IS NULL",
	4, {TEXTOID, INT8OID, TEXTOID, JSONBOID}
};

/*
 * Adds a value of a field, and the other fields that make up its natural key,
 * to the payload of a record's link. Fields that the payload has already are
 * left alone: they may be newer than a reply that was still on its way.
 */
void
bcd_link_learn(const char *feed, int64 store_id, const char *field, Jsonb *has)
{
	Datum		args[4];

	args[0] = CStringGetTextDatum(feed);
	args[1] = Int64GetDatum(store_id);
	args[2] = CStringGetTextDatum(field);
	args[3] = JsonbPGetDatum(has);
	(void) bcd_execute(&learn, args, NULL);
}

static BcdStatement select_texts = {
	"SELECT DISTINCT l.payload ->> $3 FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	" WHERE f.server = $1 AND f.resource = $2 AND l.payload ? $3 ORDER BY 1",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/*
 * Returns the values that a text field has in the links of all feeds of a
 * server for a resource, as a list of strings.
 */
List *
bcd_link_texts(const char *server, const char *resource, const char *field)
{
	Datum		args[3];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(resource);
	args[2] = CStringGetTextDatum(field);
	return bcd_column_list(bcd_select(&select_texts, args, NULL), 1);
}
