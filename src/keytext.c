/*
 * keytext.c
 *		The text of a row's key.
 *
 * One key column: the text that its type's output function gives.  Several: a
 * JSON array of those texts, exactly as jsonb prints it.  The worker, the
 * triggers of all sessions and the mark functions have to come to the same
 * text for the same row, so whatever changes the output of a type is pinned
 * while a key is printed.  The output function, not a cast: a cast of boolean
 * or character(n) to text gives something else.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "db.h"
#include "keytext.h"

/* Enough for the digits of a bigint */
#define MAX_DIGITS		24

/*
 * Does the text of this type depend on a setting?  When unsure, yes: it
 * costs a few microseconds per statement.
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

/* Can values of this type be equal and print differently, as 1.5 and 1.50? */
bool
bcd_keytext_has_variants(Oid type, Oid collation)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	Oid			equalimage;

	if (!OidIsValid(entry->btree_opf))
		return true;
	equalimage = get_opfamily_proc(entry->btree_opf, entry->btree_opintype,
								   entry->btree_opintype, BTEQUALIMAGE_PROC);
	return !OidIsValid(equalimage) ||
		!DatumGetBool(OidFunctionCall1Coll(equalimage, collation,
										   ObjectIdGetDatum(entry->btree_opintype)));
}

/*
 * How many decimals do all values of a base type print, be they zeros or not?
 * -1 when that is not fixed, or it is no number.
 */
static int
fixed_decimals(Oid type, int32 typmod)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return 0;
		case NUMERICOID:
			/* eleven bits, signed since 15 */
			return typmod < (int32) VARHDRSZ ? -1 :
				Max((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024, 0);
		default:
			return -1;
	}
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/* Do equal values of a key's type and of another type always print alike? */
bool
bcd_keytext_alike(Oid type, int32 typmod, Oid collation, Oid other, int32 other_typmod)
{
	type = getBaseTypeAndTypmod(type, &typmod);
	other = getBaseTypeAndTypmod(other, &other_typmod);
	if (fixed_decimals(type, typmod) >= 0)
		return fixed_decimals(type, typmod) == fixed_decimals(other, other_typmod);
	if (type != other && !(is_text(type) && is_text(other)))
		return false;
	/* it differs from text in the blanks that fill it up, which are printed */
	if (type == BPCHAROID)
		return typmod == other_typmod && typmod >= (int32) VARHDRSZ &&
			!bcd_keytext_has_variants(TEXTOID, collation);
	return !bcd_keytext_has_variants(type, collation);
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

		part->kind = key_kind(types[i]);
		if (part->kind == BCD_KEY_OTHER)
		{
			Oid			output;

			getTypeOutputInfo(types[i], &output, &part->varlena);
			fmgr_info_cxt(output, &part->output, cxt);
		}
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
 * The result is for bcd_keytext_unpin(); after an error (sub)transaction
 * abort puts the settings back.
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

/* The text of one column; text types are not copied when they need not be. */
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
 * What is allocated on the way is left in the current memory context.
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
