/*
 * payload.c
 *		Reads and builds payloads.
 *
 * A payload is a jsonb object of API fields.  It stays jsonb, whose numbers
 * are exact decimals, until it is written into a request.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "payload/payload.h"
#include "resource/resource.h"

double
bcd_number(Numeric n)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(n)));
}

/* A jsonb value as text: strings without quotes, other values as JSON. */
char *
bcd_value_text(const JsonbValue *value)
{
	StringInfoData out;

	switch (value->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvBinary:
			initStringInfo(&out);
			(void) JsonbToCString(&out, value->val.binary.data, value->val.binary.len);
			return out.data;
		default:
			elog(ERROR, "unexpected jsonb value type %d", (int) value->type);
			return NULL;
	}
}

/* Longest piece of a value that a message quotes */
#define QUOTED_BYTES	60

/* A value shortened for a message, on a character boundary. */
char *
bcd_value_quoted(const JsonbValue *value)
{
	char	   *text = bcd_value_text(value);
	int			len = strlen(text);

	if (len <= QUOTED_BYTES)
		return psprintf("\"%s\"", text);
	len = pg_encoding_mbcliplen(PG_UTF8, text, len, QUOTED_BYTES);
	return psprintf("\"%.*s...\"", len, text);
}

/* The value of a jsonb column, in a form that can be pushed into an object. */
void
bcd_jsonb_value(Jsonb *jsonb, JsonbValue *value)
{
	if (JB_ROOT_IS_SCALAR(jsonb))
		(void) JsonbExtractScalar(&jsonb->root, value);
	else
	{
		value->type = jbvBinary;
		value->val.binary.data = &jsonb->root;
		value->val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
	}
}

static bool
field_value(Jsonb *payload, const char *field, JsonbValue *out)
{
	return payload &&
		getKeyJsonValueFromContainer(&payload->root, field, strlen(field), out) != NULL;
}

bool
bcd_payload_has(Jsonb *payload, const char *field)
{
	JsonbValue	v;

	return field_value(payload, field, &v);
}

/* Does a payload have each field of another one, with any value? */
bool
bcd_payload_covers(Jsonb *payload, Jsonb *other)
{
	JsonbIterator *it = JsonbIteratorInit(&other->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
		if (token == WJB_KEY &&
			getKeyJsonValueFromContainer(&payload->root, key.val.string.val, key.val.string.len,
										 &v) == NULL)
			return false;
	return true;
}

/* A field of a payload as text; NULL if it is missing or null. */
char *
bcd_payload_text(Jsonb *payload, const char *field)
{
	JsonbValue	v;

	return field_value(payload, field, &v) && v.type != jbvNull ? bcd_value_text(&v) : NULL;
}

/* A field of a payload; NULL if it is missing. */
Jsonb *
bcd_payload_value(Jsonb *payload, const char *field)
{
	JsonbValue	v;

	return field_value(payload, field, &v) ? JsonbValueToJsonb(&v) : NULL;
}

/* A field of a payload as an integer; 0 if it is missing or not a number. */
int64
bcd_payload_integer(Jsonb *payload, const char *field)
{
	JsonbValue	v;

	return field_value(payload, field, &v) && v.type == jbvNumeric ?
		DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v.val.numeric))) : 0;
}

/* A payload without fields, in the current context. */
Jsonb *
bcd_payload_empty(void)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
bcd_payload_count(Jsonb *payload)
{
	return payload ? JB_ROOT_COUNT(payload) : 0;
}

/* A copy in the current context; NULL of none. */
Jsonb *
bcd_payload_copy(const Jsonb *payload)
{
	Jsonb	   *copy = NULL;

	if (payload)
	{
		copy = palloc(VARSIZE(payload));
		memcpy(copy, payload, VARSIZE(payload));
	}
	return copy;
}

/* The same, without the memory that was needed to build the payload. */
Jsonb *
bcd_payload_keep(Jsonb *payload, MemoryContext scratch)
{
	Jsonb	   *kept = bcd_payload_copy(payload);

	MemoryContextDelete(scratch);
	return kept;
}

/*
 * Calls the reader with each field, in the current context; of NULL, there is
 * none.
 */
void
bcd_payload_each(Jsonb *payload, BcdFieldReader reader, void *arg)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;

	if (payload == NULL)
		return;
	it = JsonbIteratorInit(&payload->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			reader(name, &v, arg);
	}
}

/* Copies the fields that a filter accepts. */
Jsonb *
bcd_payload_filter(Jsonb *payload, BcdFieldFilter filter, void *arg)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta payload",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	JsonbParseState *state = NULL;
	JsonbIterator *it = JsonbIteratorInit(&payload->root);
	JsonbIteratorToken token;
	JsonbValue	key = {0};
	JsonbValue	v;
	Jsonb	   *filtered;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = v;
		else if (token == WJB_VALUE &&
				 filter(pnstrdup(key.val.string.val, key.val.string.len), &v, arg))
		{
			(void) pushJsonbValue(&state, WJB_KEY, &key);
			(void) pushJsonbValue(&state, WJB_VALUE, &v);
		}
	}
	filtered = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(filtered, scratch);
}

static bool
same_value(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvNull:
			return true;
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				memcmp(a->val.string.val, b->val.string.val, a->val.string.len) == 0;
		case jbvNumeric:
			return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(a->val.numeric),
													NumericGetDatum(b->val.numeric)));
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data, b->val.binary.data) == 0;
		default:
			elog(ERROR, "unexpected jsonb value type %d", (int) a->type);
			return false;
	}
}

/* Does a payload (NULL: an empty one) have this value of a field? */
bool
bcd_payload_has_value(Jsonb *payload, const char *field, const JsonbValue *value)
{
	JsonbValue	v;

	return field_value(payload, field, &v) && same_value(&v, value);
}

static bool
is_unlike(const char *name, JsonbValue *value, void *other)
{
	return !bcd_payload_has_value(other, name, value);
}

/*
 * Copies the fields that another payload (NULL: an empty one) does not have, or
 * has with other values.
 */
Jsonb *
bcd_payload_unlike(Jsonb *payload, Jsonb *other)
{
	return bcd_payload_filter(payload, is_unlike, other);
}

/* Do both have the same value of a field, or neither a value? */
bool
bcd_payload_same(Jsonb *a, Jsonb *b, const char *field)
{
	JsonbValue	x;
	JsonbValue	y;
	bool		has = field_value(a, field, &x);

	return has == field_value(b, field, &y) && (!has || same_value(&x, &y));
}

/* A copy of a payload with one field set. */
Jsonb *
bcd_payload_set(Jsonb *payload, const char *field, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	key;

	key.type = jbvString;
	key.val.string.val = (char *) field;
	key.val.string.len = strlen(field);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &key);
	(void) pushJsonbValue(&state, WJB_VALUE, value);
	return bcd_payload_merge(payload, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

Jsonb *
bcd_payload_set_integer(Jsonb *payload, const char *field, int64 value)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(value)));
	return bcd_payload_set(payload, field, &v);
}

Jsonb *
bcd_payload_set_bool(Jsonb *payload, const char *field, bool value)
{
	JsonbValue	v;

	v.type = jbvBool;
	v.val.boolean = value;
	return bcd_payload_set(payload, field, &v);
}

/* Returns a payload with one field, whose value the store returned. */
Jsonb *
bcd_payload_from_json(const char *field, const cJSON *value)
{
	char	   *json = cJSON_PrintUnformatted(value);
	Datum		payload;

	if (json == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	payload = CStringGetDatum(psprintf("{\"%s\": %s}", field, json));
	cJSON_free(json);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, payload));
}

/* A payload without a field; NULL stays NULL. */
Jsonb *
bcd_payload_without(Jsonb *payload, const char *field)
{
	return payload && bcd_payload_has(payload, field) ?
		DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(payload), CStringGetTextDatum(field))) :
		payload;
}

/* A jsonb as text: strings without quotes, other values as JSON. */
char *
bcd_jsonb_text(Jsonb *jsonb)
{
	JsonbValue	v;

	bcd_jsonb_value(jsonb, &v);
	return bcd_value_text(&v);
}

/* base || over; either may be NULL. */
Jsonb *
bcd_payload_merge(Jsonb *base, Jsonb *over)
{
	if (base == NULL || over == NULL)
		return base ? base : over;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(base),
											  JsonbPGetDatum(over)));
}

/*
 * The first field that the API requires to create a record and that the
 * payload lacks, or NULL.
 */
char *
bcd_payload_missing(const BcdResource *resource, Jsonb *payload)
{
	int			i;
	JsonbValue	v;

	for (i = 0; i < resource->nfields; i++)
		if ((resource->fields[i].flags & BCD_F_REQUIRED) &&
			!field_value(payload, resource->fields[i].name, &v))
			return pstrdup(resource->fields[i].name);
	return NULL;
}

/* A value of a reply as text, palloc'd; NULL for none. */
char *
bcd_json_text(const cJSON *value)
{
	char	   *json;
	char	   *text;

	if (value == NULL)
		return NULL;
	if (cJSON_IsString(value))
		return pstrdup(value->valuestring);
	json = cJSON_PrintUnformatted(value);
	text = json ? pstrdup(json) : NULL;
	cJSON_free(json);
	return text;
}

/* What a record has for an id, in a few words. */
char *
bcd_id_text(const cJSON *record, const char *field)
{
	char	   *text = bcd_json_text(cJSON_GetObjectItemCaseSensitive(record, field));

	return text == NULL ? "none" : pnstrdup(text, pg_mbcliplen(text, strlen(text), 100));
}

/* Returns a copy of a payload with a collection; NULL removes it. */
Jsonb *
bcd_payload_set_collection(Jsonb *payload, const char *name, Jsonb *collection)
{
	JsonbValue	value;

	if (collection == NULL)
		return bcd_payload_without(payload, name);
	bcd_jsonb_value(collection, &value);
	return bcd_payload_set(payload, name, &value);
}
