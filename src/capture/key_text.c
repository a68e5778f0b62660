/*
 * key_text.c
 *		The text of a row's key.
 *
 * One key column: the text that its type's output function gives.  Several: a
 * JSON array of those texts, exactly as jsonb prints it.  The worker, the
 * triggers of all sessions and the mark functions must produce the same text
 * for the same row, so all settings that affect the output of a type are
 * pinned while a key is printed.
 *
 * Rows are identified by this text, but found in the source by the type's "=".
 * So equal values must have one text, and it must never change. This holds for
 * types whose equal values are identical bit for bit, which B-trees need to
 * know for deduplication, and whose output function depends only on the value.
 * For some other types, a text is built that is the same for equal values; the
 * rest cannot be keys.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"

/* Enough for the digits of a bigint */
#define MAX_DIGITS		24

/*
 * Does the text of this type depend on a setting? If unsure, yes: this costs a
 * few microseconds per statement.
 */
static bool
depends_on_settings(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case CHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
			return false;
		default:
			return !type_is_enum(type);
	}
}

/* 1.50 becomes 1.5; there is never an exponent */
static char *
without_zeros(char *text)
{
	char	   *end = text +strlen(text);

	if (strchr(text, '.') == NULL)
		return text;

	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
	return text;
}

/* -0 and 0 */
static char *
without_negative_zero(char *text)
{
	return strcmp(text, "-0") == 0 ? text +1 : text;
}

/* The padding blanks of a character(n), which comparisons and casts ignore */
static char *
without_blanks(char *text)
{
	int			len = strlen(text);

	while (len > 0 && text[len - 1] == ' ')
		len--;
	text[		len] = '\0';
	return text;
}

/* As citext compares, whatever the column's collation */
static char *
in_lower_case(char *text)
{
	return str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
}

/*
 * Types whose values need more than their output function, and types that
 * print the same text as an equal value of another type.
 */
typedef struct BcdSpelling
{
	Oid			type;
	enum
	{
		NUMBERS = 1,
		TEXTS
	}			family;			/* 0: none but the type itself */
	char	   *(*tidy) (char *text);	/* the text for all equal values, or
										 * NULL */
} BcdSpelling;

static const BcdSpelling spellings[] = {
	{INT2OID, NUMBERS, NULL},
	{INT4OID, NUMBERS, NULL},
	{INT8OID, NUMBERS, NULL},
	{NUMERICOID, NUMBERS, without_zeros},
	{FLOAT4OID, 0, without_negative_zero},
	{FLOAT8OID, 0, without_negative_zero},
	{TEXTOID, TEXTS, NULL},
	{VARCHAROID, TEXTS, NULL},
	{BPCHAROID, TEXTS, without_blanks},
	{NAMEOID, TEXTS, NULL},
};

static const BcdSpelling citext_spelling = {InvalidOid, 0, in_lower_case};

static bool
is_citext(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			extension;
	char	   *name;
	bool		is_named;

	if (!HeapTupleIsValid(tuple))
		return false;
	is_named = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "citext") == 0;
	ReleaseSysCache(tuple);
	extension = is_named ? getExtensionOfObject(TypeRelationId, type) : InvalidOid;
	name = OidIsValid(extension) ? get_extension_name(extension) : NULL;
	return name && strcmp(name, "citext") == 0;
}

/* The special properties of a base type; NULL: none. */
static const BcdSpelling *
spelling_of(Oid type)
{
	int			i;

	for (i = 0; i < lengthof(spellings); i++)
		if (spellings[i].type == type)
			return &spellings[i];
	return type >= FirstNormalObjectId && is_citext(type) ? &citext_spelling : NULL;
}

/* Are equal values of a base type identical bit for bit? */
static bool
is_equal_image(Oid type, Oid collation)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	Oid			function;

	/*
	 * A month equals 30 days. The catalogs of databases that were created
	 * before 13.13, 14.10, 15.5 or 16.1 claim the opposite, and keep doing
	 * so.
	 */
	if (type == INTERVALOID || !OidIsValid(entry->btree_opf))
		return false;
	function = get_opfamily_proc(entry->btree_opf, entry->btree_opintype,
								 entry->btree_opintype, BTEQUALIMAGE_PROC);
	return OidIsValid(function) &&
		DatumGetBool(OidFunctionCall1Coll(function, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

/*
 * Does the text of a base type depend on the value alone, once the settings
 * are pinned?  That of regclass changes with the name of the table, that of
 * money with a setting that the worker's input does not share.
 */
static bool
is_fixed_text(Oid type)
{
	Oid			output;
	bool		varlena;

	if (type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID || type_is_enum(type))
		return true;
	getTypeOutputInfo(type, &output, &varlena);
	return func_volatile(output) == PROVOLATILE_IMMUTABLE;
}

/*
 * Why values of a type cannot be keys, as a sentence; NULL: they can.
 */
char *
bcd_keytext_flaw(Oid type, Oid collation)
{
	const BcdSpelling *spelling;

	type = getBaseType(type);
	spelling = spelling_of(type);
	/* padding blanks are removed, but a collation is not handled */
	if (type == BPCHAROID)
		type = TEXTOID;
	else if (spelling && spelling->tidy)
		return NULL;
	if (OidIsValid(collation) && spelling && spelling->family == TEXTS && !is_equal_image(type, collation))
		return psprintf("Under collation \"%s\", different strings may be equal, but rows are identified by the text of their key.",
						get_collation_name(collation));
	if (!is_equal_image(type, collation))
		return psprintf("Equal values of type %s may be printed differently, but rows are identified by the text of their key.",
						format_type_be(type));
	if (!is_fixed_text(type))
		return psprintf("The output of a value of type %s depends on more than the value, but rows are identified by the text of their key.",
						format_type_be(type));
	return NULL;
}

/* Is this a type of numbers that keys may be of? */
bool
bcd_keytext_is_number(Oid type)
{
	const BcdSpelling *spelling = spelling_of(getBaseType(type));

	return spelling && (spelling->family == NUMBERS || spelling->tidy == without_negative_zero);
}

/* Do equal values of a key's type and of another type always print alike? */
bool
bcd_keytext_alike(Oid type, Oid other)
{
	const BcdSpelling *spelling;
	const BcdSpelling *other_spelling;

	type = getBaseType(type);
	other = getBaseType(other);
	if (type == other)
		return true;
	spelling = spelling_of(type);
	other_spelling = spelling_of(other);
	return spelling && other_spelling && spelling->family != 0 &&
		spelling->family == other_spelling->family;
}

/* Does the text of a key preserve the value exactly, not only up to equality? */
bool
bcd_keytext_is_plain(Oid type)
{
	const BcdSpelling *spelling = spelling_of(getBaseType(type));

	return spelling == NULL || spelling->tidy == NULL || spelling->tidy == without_blanks;
}

static BcdKeyKind
key_kind(Oid type)
{
	switch (getBaseType(type))
	{
		case INT2OID:
			return BCD_KEY_INT2;
		case INT4OID:
			return BCD_KEY_INT4;
		case INT8OID:
			return BCD_KEY_INT8;
		case TEXTOID:
		case VARCHAROID:
			return BCD_KEY_TEXT;
		default:
			return BCD_KEY_OTHER;
	}
}

/*
 * Prepares to print keys of these types.
 */
BcdKeyText *
bcd_keytext_create(int nparts, const Oid *types, MemoryContext cxt)
{
	BcdKeyText *keytext = MemoryContextAllocZero(cxt, sizeof(BcdKeyText));
	int			i;

	keytext->nparts = nparts;
	keytext->parts = MemoryContextAllocZero(cxt, sizeof(BcdKeyPart) * nparts);
	for (i = 0; i < nparts; i++)
	{
		BcdKeyPart *part = &keytext->parts[i];
		const BcdSpelling *spelling;

		part->kind = key_kind(types[i]);
		if (part->kind == BCD_KEY_OTHER)
		{
			Oid			output;

			getTypeOutputInfo(types[i], &output, &part->varlena);
			fmgr_info_cxt(output, &part->output, cxt);
		}
		spelling = spelling_of(getBaseType(types[i]));
		if (spelling)
			part->tidy = spelling->tidy;
		if (depends_on_settings(types[i]))
			keytext->pinned = true;
		/* texts may have to be detoasted, or are quoted */
		if (part->kind == BCD_KEY_TEXT || part->kind == BCD_KEY_OTHER)
			keytext->allocates = true;
	}
	return keytext;
}

/*
 * Pins the settings that these keys depend on, if any, in a nesting level of
 * its own.
 *
 * Pass the result to bcd_keytext_unpin(); after an error, (sub)transaction
 * abort restores the settings.
 */
int
bcd_keytext_pin(const BcdKeyText *keytext)
{
	int			level;

	if (!keytext->pinned)
		return 0;
	level = NewGUCNestLevel();
	bcd_pin_settings();
	/* reg* types print a schema or not */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
bcd_keytext_unpin(int level)
{
	if (level > 0)
		AtEOXact_GUC(true, level);
}

static void
append_integer(int64 value, bool quoted, StringInfo out)
{
	enlargeStringInfo(out, MAX_DIGITS);
	if (quoted)
		out->data[out->len++] = '"';
	if (value >= PG_INT32_MIN && value <= PG_INT32_MAX)
		out->len += bcd_ltoa((int32) value, out->data + out->len);
	else
		out->len += bcd_lltoa(value, out->data + out->len);
	if (quoted)
		out->data[out->len++] = '"';
	out->data[out->len] = '\0';
}

/* The text of one column; text types are copied only if necessary. */
static void
append_part(BcdKeyPart *part, Datum value, bool quoted, StringInfo out)
{
	char	   *string = NULL;

	switch (part->kind)
	{
		case BCD_KEY_INT2:
			append_integer(DatumGetInt16(value), quoted, out);
			return;
		case BCD_KEY_INT4:
			append_integer(DatumGetInt32(value), quoted, out);
			return;
		case BCD_KEY_INT8:
			append_integer(DatumGetInt64(value), quoted, out);
			return;
		case BCD_KEY_TEXT:
			if (!quoted)
			{
				struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);

				appendBinaryStringInfo(out, VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
				return;
			}
			string = TextDatumGetCString(value);
			break;
		case BCD_KEY_OTHER:
			if (part->varlena)
				value = PointerGetDatum(PG_DETOAST_DATUM(value));
			string = OutputFunctionCall(&part->output, value);
			if (part->tidy)
				string = part->tidy(string);
			break;
	}
	if (quoted)
		escape_json(out, string);
	else
		appendStringInfoString(out, string);
}

/*
 * Appends the text of a key, none of whose columns is null.
 *
 * Temporary allocations are left in the current memory context.
 */
void
bcd_keytext_append(BcdKeyText *keytext, const Datum *values, StringInfo out)
{
	int			i;

	if (keytext->nparts == 1)
	{
		append_part(&keytext->parts[0], values[0], false, out);
		return;
	}
	for (i = 0; i < keytext->nparts; i++)
	{
		appendStringInfoString(out, i == 0 ? "[" : ", ");
		append_part(&keytext->parts[i], values[i], true, out);
	}
	appendStringInfoChar(out, ']');
}

/*
 * The same for values that may be null and are not a key: always as an array.
 */
void
bcd_keytext_append_values(BcdKeyText *keytext, const Datum *values, const bool *nulls, StringInfo out)
{
	int			i;

	for (i = 0; i < keytext->nparts; i++)
	{
		appendStringInfoString(out, i == 0 ? "[" : ", ");
		if (nulls[i])
			appendStringInfoString(out, "null");
		else
			append_part(&keytext->parts[i], values[i], true, out);
	}
	appendStringInfoChar(out, ']');
}
