/*
 * compare_value.c
 *		SQL expressions that make values of the source and of the store alike.
 *
 * payload/compare.c has the rules: decimals are compared by value, sets in any
 * order, texts without surrounding blanks, and what the store shows of nothing
 * equals nothing. HTML is compared by its text here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "feed/feed.h"
#include "foreign/compare_value.h"
#include "resource/resource.h"

/* An expression of the user as one operand; it may end with a comment. */
char *
bcd_compare_wrapped(const char *expression)
{
	return psprintf(strstr(expression, "--") ? "(%s\n\t\t)" : "(%s)", expression);
}

static char *
key_part(const BcdKeyColumn *key)
{
	const char *column = quote_identifier(NameStr(key->name));

	switch (getBaseType(key->type))
	{
		case BOOLOID:
			/* as its output function has it */
			return psprintf("format('%%s', %s)", column);
		case NUMERICOID:
			return psprintf("trim_scale(%s)::text", column);
		case FLOAT4OID:
		case FLOAT8OID:
			/* -0 is 0 */
			return psprintf("(%s + 0)::text", column);
		case DATEOID:
			return psprintf("to_char(%s, 'YYYY-MM-DD')", column);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			/* without zeros at the end */
			return psprintf("regexp_replace(to_char(%s%s, 'YYYY-MM-DD HH24:MI:SS.US'), '\\.?0*$', '')%s", column,
							getBaseType(key->type) == TIMESTAMPTZOID ? " AT TIME ZONE 'UTC'" : "",
							getBaseType(key->type) == TIMESTAMPTZOID ? " || '+00'" : "");
		default:
			return psprintf(strcmp(format_type_be(getBaseType(key->type)), "citext") == 0 ? "lower(%s::text)" : "%s::text", column);
	}
}

/* The text of a row's key, from its columns: see capture/key_text.c. */
char *
bcd_compare_key(const BcdFeed *feed)
{
	StringInfoData out;
	int			i;

	if (feed->nkeys == 1)
		return key_part(&feed->keys[0]);
	initStringInfo(&out);
	appendStringInfoString(&out, "jsonb_build_array(");
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "", key_part(&feed->keys[i]));
	appendStringInfoString(&out, ")::text");
	return out.data;
}

/* Does a row have an array of plain values? */
static bool
is_list(const BcdField *field)
{
	return field->type == BCD_INTEGERS || field->type == BCD_STRINGS || (field->records && field->records->bare);
}

static bool
is_json(Oid type)
{
	return type == JSONBOID || type == JSONOID;
}

/* The text of a value that is no text, as JSON has it */
static char *
as_text(Oid type, const char *operand)
{
	if (is_json(type))
		return psprintf("(%s #>> '{}')", operand);
	return psprintf("(to_jsonb(%s) #>> '{}')", operand);
}

static char *
instant(Oid type, const char *operand)
{
	if (type == TIMESTAMPTZOID)
		return pstrdup(operand);
	/* without a zone, it is UTC, whatever that of the session is */
	if (type == TIMESTAMPOID || type == DATEOID)
		return psprintf("(%s::timestamp AT TIME ZONE 'UTC')", operand);
	return psprintf("%s::timestamptz", is_json(type) ? as_text(type, operand) : operand);
}

/*
 * A mapping's expression in the type and the form in which the store has its
 * values.
 */
char *
bcd_compare_source(const BcdField *field, Oid type, const char *expression)
{
	char	   *operand = bcd_compare_wrapped(expression);

	type = getBaseType(type);
	if (is_list(field))
		return psprintf(is_json(type) ? "%s::jsonb" : "to_jsonb%s", operand);
	switch (field->type)
	{
		case BCD_STRING:
			return type == TEXTOID ? operand : type == VARCHAROID || type == BPCHAROID || type == UNKNOWNOID ?
				psprintf("%s::text", operand) : as_text(type, operand);
		case BCD_NUMBER:
			operand = is_json(type) ? as_text(type, operand) : operand;
			return field->scale < 0 ? psprintf("%s::numeric", operand) : psprintf("round(%s::numeric, %d)", operand, field->scale);
		case BCD_INTEGER:
			return is_json(type) ? psprintf("%s::numeric::bigint", as_text(type, operand)) : psprintf("%s::bigint", operand);
		case BCD_BOOLEAN:
			return is_json(type) ? psprintf("%s::boolean", as_text(type, operand)) : operand;
		case BCD_DATETIME:
			return psprintf("date_trunc('second', %s)", instant(type, operand));
		default:
			return psprintf(is_json(type) ? "%s::jsonb" : "to_jsonb%s", operand);
	}
}

/* Does the store return elements, or members, as they were sent? */
static bool
are_returned(const BcdRecords *records)
{
	int			i;

	for (i = 0; records && i < records->nfields; i++)
	{
		const BcdField *field = &records->fields[i];

		if (field->flags & (BCD_F_WRITE_ONLY | BCD_F_CHOICES | BCD_F_HTML | BCD_F_FILLED | BCD_F_NO_CASE) || !are_returned(field->records))
			return false;
	}
	return true;
}

static char *
texts_differ(const BcdField *field, const char *source, const char *store)
{
	const char *form = "btrim(%s, E' \\t\\n\\r')";

	if (field->values)
		form = "%s";
	else if (field->flags & BCD_F_HTML)
		form = "regexp_replace(%s, '<[^>]*>|\\s+', '', 'g')";
	else if (field->flags & BCD_F_NO_CASE)
		form = "lower(btrim(%s, E' \\t\\n\\r'))";
	return psprintf("%s IS NOT NULL AND %s IS DISTINCT FROM %s", source, psprintf(form, source),
					psprintf(form, psprintf("coalesce(%s, '')", store)));
}

/* Lists of plain values: sets in any order */
static char *
lists_differ(const BcdField *field, const char *source, const char *store)
{
	char	   *has = psprintf("coalesce(to_jsonb(%s), '[]')", store);

	if (field->flags & BCD_F_SET || field->records)
		return psprintf("NOT (%s @> %s AND %s <@ %s)", source, has, source, has);
	return psprintf("%s <> %s", source, has);
}

/*
 * A condition that is true if the store has another value than the source; NULL:
 * the store never returns what was sent.  A null in the source differs from
 * nothing, as it is not sent.
 */
char *
bcd_compare_differs(const BcdField *field, const char *source, const char *store)
{
	if (field->flags & (BCD_F_WRITE_ONLY | BCD_F_CHOICES) || (field->records && !are_returned(field->records)))
		return NULL;
	if (is_list(field))
		return lists_differ(field, source, store);
	switch (field->type)
	{
		case BCD_STRING:
			return texts_differ(field, source, store);
		case BCD_NUMBER:
			return field->scale < 0 ? psprintf("%s <> coalesce(%s, 0)", source, store) :
				psprintf("%s <> round(coalesce(%s, 0), %d)", source, store, field->scale);
		case BCD_INTEGER:
			return psprintf("%s <> coalesce(%s, 0)", source, store);
		case BCD_BOOLEAN:
			return psprintf("%s IS NOT NULL AND %s IS DISTINCT FROM %s", source, source, store);
		case BCD_DATETIME:
			return psprintf("%s IS NOT NULL AND %s IS DISTINCT FROM date_trunc('second', %s)", source, source, store);
		case BCD_RECORDS:
			if (field->flags & BCD_F_SOME)
				return psprintf("NOT coalesce(%s, '[]') @> %s", store, source);
			return psprintf("NOT coalesce(%s, '[]') @> %s OR jsonb_array_length(coalesce(%s, '[]')) <> jsonb_array_length(%s)",
							store, source, store, source);
		case BCD_OBJECT:
			return psprintf("NOT coalesce(%s, '{}') @> %s", store, source);
		default:
			return psprintf("%s <> %s", source, store);
	}
}
