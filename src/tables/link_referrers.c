/*
 * link_referrers.c
 *		bcdelta.link: rows whose records refer to other records.
 *
 * link.refers_to has a hash for every record that a link refers to. It is a
 * generated column, so it is correct no matter who writes the link. It also
 * stays the same while only prices change, so such a write touches no index.
 * Links are written far more often than they are searched for references, so
 * the GIN index collects new entries in a pending list, which is kept short.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/compat.h"
#include "base/db.h"
#include "payload/payload.h"
#include "payload/reference.h"
#include "resource/resource.h"
#include "tables/link_referrers.h"
#include "tables/rows.h"

PG_FUNCTION_INFO_V1(bcdelta_refers_to);

/* Records of different resources may have the same id. */
int64
bcd_record_hash(const char *resource, int64 id)
{
	return (int64) hash_bytes_extended((const unsigned char *) resource, strlen(resource), (uint64) id);
}

typedef struct BcdHashes
{
	Datum	   *hashes;
	int			n;
	int			max;
} BcdHashes;

/* A BcdReferenceReader */
static void
add_id(const char *resource, const JsonbValue *value, void *arg)
{
	BcdHashes  *h = arg;
	double		number;
	int64		id;

	/*
	 * links can be written by hand, and no number in them may raise an error
	 * here
	 */
	number = value->type == jbvNumeric ? bcd_number(value->val.numeric) : 0;
	if (!(number >= 1 && number <= 9e18))
		return;
	id = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
	if (h->n == h->max)
	{
		h->max = Max(8, h->max * 2);
		h->hashes = h->hashes ? repalloc(h->hashes, h->max * sizeof(Datum)) : palloc(h->max * sizeof(Datum));
	}
	h->hashes[h->n++] = Int64GetDatum(bcd_record_hash(resource, id));
}

static void
add_payload(BcdHashes *h, Jsonb *payload)
{
	int			n;
	const BcdField *const *fields = bcd_referring_fields(&n);
	JsonbValue *value = NULL;
	int			i;

	for (i = 0; JB_ROOT_IS_OBJECT(payload) && i < n; i++)
	{
		if (i == 0 || strcmp(fields[i]->name, fields[i - 1]->name) != 0)
		{
			JsonbValue	key;

			key.type = jbvString;
			key.val.string.val = (char *) fields[i]->name;
			key.val.string.len = strlen(fields[i]->name);
			value = findJsonbValueFromContainer(&payload->root, JB_FOBJECT, &key);
		}
		if (value)
			bcd_field_references(fields[i], value, add_id, h);
	}
}

/*
 * refers_to(payload, remembered, referred) does not know the resource of the
 * payload, so it treats it as every resource that has these fields.
 */
Datum
bcdelta_refers_to(PG_FUNCTION_ARGS)
{
	BcdHashes	h = {0};
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (!PG_ARGISNULL(i))
			add_payload(&h, PG_GETARG_JSONB_P(i));
	if (h.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(bcd_array(INT8OID, h.hashes, NULL, h.n));
}

static BcdStatement select_referrers = {
	"SELECT f.feed_id::int8, l.key" BCD_REFERRERS " GROUP BY f.feed_id, l.key ORDER BY f.feed_id, l.key",
	3, {NAMEOID, TEXTARRAYOID, INT8ARRAYOID}
};

/* Returns the rows that refer to records; see BCD_REFERRERS. */
BcdFoundRow *
bcd_link_referrers(const char *server, Datum fields, Datum hashes, uint64 *n)
{
	Datum		args[] = {bcd_name_datum(server), fields, hashes};

	return bcd_found_rows(&select_referrers, args, n);
}

static BcdStatement select_fields = {
	"SELECT DISTINCT o.payload -> $3 FROM bcdelta.link AS o JOIN bcdelta.feed AS f USING (feed)"
	" WHERE o.refers_to @> ARRAY[$5] AND f.server = $1 AND f.resource = $2 AND (o.payload -> $4)::text = $6 LIMIT 1000",
	6, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID}
};

/*
 * Returns what a field of the linked records of a resource has that are below
 * this parent: a list of Jsonb, without duplicates.
 */
List *
bcd_link_fields_of_referrers(const char *server, const BcdResource *resource, const char *field, int64 parent)
{
	Datum		args[6];
	List	   *found = NIL;
	uint64		n;
	uint64		i;

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(resource->name);
	args[2] = CStringGetTextDatum(field);
	args[3] = CStringGetTextDatum(resource->parent);
	args[4] = Int64GetDatum(bcd_record_hash(bcd_resource_field(resource, resource->parent)->refers_to, parent));
	args[5] = CStringGetTextDatum(psprintf(INT64_FORMAT, parent));
	n = bcd_select(&select_fields, args, NULL);
	for (i = 0; i < n; i++)
		found = lappend(found, bcd_column_jsonb(i, 1));
	return found;
}
