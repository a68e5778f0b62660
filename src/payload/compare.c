/*
 * compare.c
 *		Compares payloads with the records in the store's replies.
 *
 * Values are compared by type, in the form in which the store keeps them.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/casefold.h"
#include "base/compat.h"
#include "payload/datetime.h"
#include "payload/html.h"
#include "payload/payload.h"
#include "resource/resource.h"

/*
 * Returns whether two strings are equal except for surrounding white space,
 * which stores trim, and, if fold is set, except for case.
 */
static bool
same_text(const char *a, int alen, const char *b, bool fold)
{
	int			blen = strlen(b);

	while (alen > 0 && scanner_isspace(a[alen - 1]))
		alen--;
	while (blen > 0 && scanner_isspace(b[blen - 1]))
		blen--;
	for (; alen > 0 && scanner_isspace(*a); a++)
		alen--;
	for (; blen > 0 && scanner_isspace(*b); b++)
		blen--;
	if (fold)
		return strcmp(bcd_fold_case(a, alen), bcd_fold_case(b, blen)) == 0;
	return alen == blen && memcmp(a, b, alen) == 0;
}

/* Is a text a decimal without a sign? */
static bool
is_decimal(const char *text)
{
	return text[0] && text[strspn(text, "0123456789.")] == '\0';
}

/* Returns whether two texts are the same decimal, such as 5 and 5.0000. */
static bool
same_decimal(const char *a, const char *b)
{
	return is_decimal(a) && is_decimal(b) && round(strtod(a, NULL) * 1e4) == round(strtod(b, NULL) * 1e4);
}

static bool
same_number(const BcdField *field, Numeric wanted, double got)
{
	double		unit = field->scale >= 0 ? pow(10, field->scale) : 1e6;

	return round(bcd_number(wanted) * unit) == round(got * unit);
}

/*
 * Returns whether a value is one of the forms in which the store shows
 * "nothing".
 */
bool
bcd_payload_is_nothing(const cJSON *got)
{
	return got == NULL || cJSON_IsNull(got) ||
		(cJSON_IsNumber(got) && got->valuedouble == 0) ||
		(cJSON_IsString(got) && got->valuestring[0] == '\0') ||
		(cJSON_IsArray(got) && cJSON_GetArraySize(got) == 0);
}

static bool same_json(const JsonbValue *wanted, const cJSON *got, const BcdField *field);

/*
 * Every element of one array is in the other, in order unless it is a set; and
 * usually there are no others.
 */
static bool
same_array(const BcdField *field, JsonbContainer *wanted, const cJSON *got)
{
	bool		set = (field->flags & BCD_F_SET) != 0;
	uint32		n = JsonContainerSize(wanted);
	uint32		i;

	if ((field->flags & BCD_F_SOME) && n == 0)
		return true;
	if (!cJSON_IsArray(got) || (!(field->flags & BCD_F_SOME) && (uint32) cJSON_GetArraySize(got) != n))
		return false;
	for (i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(wanted, i);
		const cJSON *other;
		bool		found = false;

		if (!set)
			found = same_json(element, cJSON_GetArrayItem(got, i), field);
		else
			cJSON_ArrayForEach(other, got)
				found = found || same_json(element, other, field);
		if (!found)
			return false;
	}
	return true;
}

/*
 * Compares only those fields of an object that we send. If the store has none, it has
 * nothing in any field.
 */
static bool
same_object(const BcdField *field, JsonbContainer *wanted, const cJSON *got)
{
	JsonbIterator *it = JsonbIteratorInit(wanted);
	JsonbIteratorToken token;
	JsonbValue	v;
	const cJSON *other = NULL;

	if (!cJSON_IsObject(got) && !bcd_payload_is_nothing(got))
		return false;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			other = !cJSON_IsObject(got) ? NULL :
				cJSON_GetObjectItemCaseSensitive(got,
												 pnstrdup(v.val.string.val, v.val.string.len));
		else if (token == WJB_VALUE && !same_json(&v, other, field) &&
				 !(!cJSON_IsObject(got) && v.type == jbvBool && !v.val.boolean))
			return false;
	}
	return true;
}

static bool
same_json(const JsonbValue *wanted, const cJSON *got, const BcdField *field)
{
	switch (wanted->type)
	{
		case jbvNull:
			return bcd_payload_is_nothing(got);
		case jbvString:
			if (cJSON_IsNull(got) || got == NULL)
				return wanted->val.string.len == 0;
			if (!cJSON_IsString(got))
				return false;
			if (field->type == BCD_DATETIME)
				return bcd_same_instant(pnstrdup(wanted->val.string.val, wanted->val.string.len),
										got->valuestring);
			if (field->flags & BCD_F_DECIMALS &&
				same_decimal(pnstrdup(wanted->val.string.val, wanted->val.string.len), got->valuestring))
				return true;
			if (field->flags & BCD_F_HTML)
				return bcd_same_html(wanted->val.string.val, wanted->val.string.len,
									 got->valuestring, strlen(got->valuestring));
			return same_text(wanted->val.string.val, wanted->val.string.len, got->valuestring,
							 (field->flags & BCD_F_NO_CASE) != 0);
		case jbvNumeric:
			if (got && cJSON_IsNumber(got))
				return same_number(field, wanted->val.numeric, got->valuedouble);
			/* some amounts are documented as numbers and as text */
			if (got && cJSON_IsString(got) && got->valuestring[strspn(got->valuestring, "-.0123456789")] == '\0')
				return got->valuestring[0] && same_number(field, wanted->val.numeric, strtod(got->valuestring, NULL));
			/* a reference or price that is not set is read back as null */
			return (got == NULL || cJSON_IsNull(got)) && bcd_number(wanted->val.numeric) == 0;
		case jbvBool:
			return cJSON_IsBool(got) && cJSON_IsTrue(got) == wanted->val.boolean;
		case jbvBinary:
			if (JsonContainerIsArray(wanted->val.binary.data))
				return same_array(field, wanted->val.binary.data, got);
			return same_object(field, wanted->val.binary.data, got);
		default:
			return false;
	}
}

/*
 * Returns whether the store has this value. Values are compared by type: 12.50
 * equals 12.5, sets are compared in any order, timestamps in any time zone,
 * HTML regardless of formatting.
 */
bool
bcd_payload_agrees(const BcdField *field, const JsonbValue *wanted, const cJSON *got)
{
	return (field->flags & BCD_F_WRITE_ONLY) != 0 || same_json(wanted, got, field);
}

/*
 * The numbers of the last texts.  A description is noted twice, for what is on
 * its way and for a rollback, and reading HTML takes twenty times as long as
 * the number of its bytes.
 */
static struct
{
	uint64		bytes;
	int64		digest;
}			digested[256];

/*
 * Returns a number for the common form of an HTML text.
 */
static int64
digest_of_html(const char *text, int len)
{
	uint64		bytes = hash_bytes_extended((const unsigned char *) text, len, 0);
	int			place = bytes % lengthof(digested);
	StringInfoData common;

	if (digested[place].bytes != bytes)
	{
		initStringInfo(&common);
		bcd_html_append(&common, text, len);
		digested[place].digest = (int64) hash_bytes_extended((unsigned char *) common.data, common.len, 0);
		digested[place].bytes = bytes;
		pfree(common.data);
	}
	return digested[place].digest;
}

/*
 * Returns a number for a text: the same for texts that agree with each other,
 * and as good as never for others.
 */
static int64
digest(const BcdField *field, const char *text, int len)
{
	while (len > 0 && scanner_isspace(text[len - 1]))
		len--;
	for (; len > 0 && scanner_isspace(*text); text +=1)
		len--;
	if (field->flags & BCD_F_HTML)
		return digest_of_html(text, len);
	if (field->flags & BCD_F_NO_CASE)
	{
		text = bcd_fold_case(text, len);

		len = strlen(text);
	}
	return (int64) hash_bytes_extended((const unsigned char *) text, len, 0);
}

/* The member of an object that stands for a text */
#define DIGEST	"digest"

/*
 * If a value is a text that is longer than this, returns an object that stands
 * for it, which no text can be taken for; otherwise NULL.
 */
Jsonb *
bcd_payload_digest(const BcdField *field, const JsonbValue *value, int most)
{
	if (field == NULL || field->type != BCD_STRING || value->type != jbvString || value->val.string.len <= most)
		return NULL;
	return bcd_payload_set_integer(NULL, DIGEST, digest(field, value->val.string.val, value->val.string.len));
}

/* Has a payload a value of a field, and does the store have the same? */
bool
bcd_payload_is_in_record(Jsonb *payload, const BcdField *field, const cJSON *got)
{
	JsonbValue	v;

	return payload && getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), &v) &&
		bcd_payload_agrees(field, &v, got);
}

/* Returns whether the store has this value, or a text for which it stands. */
bool
bcd_payload_agrees_noted(const BcdField *field, const JsonbValue *noted, const cJSON *got)
{
	if (field->type != BCD_STRING || noted->type != jbvBinary || field->flags & BCD_F_WRITE_ONLY)
		return bcd_payload_agrees(field, noted, got);
	return cJSON_IsString(got) &&
		bcd_payload_integer(JsonbValueToJsonb((JsonbValue *) noted), DIGEST) == digest(field, got->valuestring, strlen(got->valuestring));
}

typedef struct Agreement
{
	const BcdResource *resource;
	const cJSON *record;
} Agreement;

static bool
agrees_with_record(const char *name, JsonbValue *value, void *arg)
{
	Agreement  *a = arg;
	const BcdField *field = bcd_resource_field(a->resource, name);

	return field != NULL && !(field->flags & BCD_F_WRITE_ONLY) && !BCD_IS_COLLECTION(field) &&
		bcd_payload_agrees(field, value, cJSON_GetObjectItemCaseSensitive(a->record, name));
}

/*
 * Returns the fields of a payload whose values a record of the store already
 * has. Collections are read elsewhere: collection_read.c.
 */
static Jsonb *
bcd_payload_agreeing(const BcdResource *resource, Jsonb *wanted, const cJSON *record)
{
	Agreement	a = {resource, record};

	return bcd_payload_filter(wanted, agrees_with_record, &a);
}

/* Returns whether a record has the value that a payload has of a field. */
bool
bcd_payload_field_agrees(const BcdResource *resource, Jsonb *wanted, const cJSON *record, const char *name)
{
	Agreement	a = {resource, record};
	JsonbValue	v;

	return getKeyJsonValueFromContainer(&wanted->root, name, strlen(name), &v) != NULL &&
		agrees_with_record(name, &v, &a);
}

/*
 * Returns the known contents of a record that was read: the fields that agree
 * with its row, and the fields that identify the record, even if they do not
 * agree.
 */
Jsonb *
bcd_payload_known(const BcdResource *resource, Jsonb *wanted, const cJSON *record)
{
	Jsonb	   *known = bcd_payload_agreeing(resource, wanted, record);
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(resource, i)) != NULL; i++)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, field);
		JsonbValue	v;

		if (!cJSON_IsString(value) || bcd_payload_text(wanted, field) == NULL ||
			bcd_payload_text(known, field) != NULL)
			continue;
		v.type = jbvString;
		v.val.string.val = value->valuestring;
		v.val.string.len = strlen(value->valuestring);
		known = bcd_payload_set(known, field, &v);
	}
	return known;
}

/* Removes surrounding white space, which stores trim; palloc'd. */
char *
bcd_trimmed(const char *text)
{
	int			len;

	while (scanner_isspace(*text))
		text	  ++;

	len = strlen(text);
	while (len > 0 && scanner_isspace(text[len - 1]))
		len--;
	return pnstrdup(text, len);
}

/*
 * Folds case, because the store ignores case when it compares names. palloc'd.
 */
char *
bcd_folded(const char *text)
{
	char	   *bare = bcd_trimmed(text);

	return bcd_fold_case(bare, strlen(bare));
}
