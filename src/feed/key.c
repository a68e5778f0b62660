/*
 * key.c
 *		Keys of a feed's rows as text: from rows that were read, and from user
 *		input.
 *
 * One row has one key: user input is converted to the text that key_text.c
 * produces for an equal value, which is also the text that triggers capture.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "feed/key.h"

/* The parts of a composite key, a JSON array; an error if it is not one. */
static char **
composite_key(const BcdFeed *feed, const char *key)
{
	char	  **texts = palloc(sizeof(char *) * feed->nkeys);
	Jsonb	   *array = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(key)));
	int			i;

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array) ||
		JB_ROOT_COUNT(array) != (uint32) feed->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\": key %s is not a JSON array of %d strings",
						feed->name, key, feed->nkeys)));
	for (i = 0; i < feed->nkeys; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&array->root, i);

		if (v == NULL || v->type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("feed \"%s\": key %s is not a JSON array of %d strings",
							feed->name, key, feed->nkeys)));
		texts[i] = pnstrdup(v->val.string.val, v->val.string.len);
	}
	return texts;
}

/* Refuses a key that would not fit into the indexes of our tables. */
void
bcd_key_check_length(const char *feed, const char *key)
{
	if (strlen(key) > BCD_MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("key of %d bytes is too long for feed \"%s\"", (int) strlen(key), feed),
				 errdetail("Keys have at most %d bytes.", BCD_MAX_KEY)));
}

/* The texts that a key is made of, one for each column. */
char	  **
bcd_key_texts(const BcdFeed *feed, const char *key)
{
	char	  **texts;

	bcd_key_check_length(feed->name, key);
	if (feed->nkeys > 1)
		return composite_key(feed, key);
	texts = palloc(sizeof(char *));
	texts[0] = pstrdup(key);
	return texts;
}

static Datum *
values_of(const BcdFeed *feed, char **texts)
{
	Datum	   *values = palloc(sizeof(Datum) * feed->nkeys);
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		values[i] = OidInputFunctionCall(feed->keys[i].input, texts[i],
										 feed->keys[i].ioparam, feed->keys[i].typmod);
	return values;
}

/*
 * These as values of the key columns.
 *
 * A type may be a domain whose checks are a user's code, so this runs as the
 * feed's owner, for any caller.
 */
static Datum *
bcd_key_values(const BcdFeed *feed, char **texts)
{
	BcdRights	rights;
	Datum	   *values;

	bcd_become(&rights, feed->owner, true);
	values = values_of(feed, texts);
	bcd_become_again(&rights);
	return values;
}

/*
 * Returns a key's text as values of the key columns, in the current memory
 * context; raises an error if it is not a key.  As the feed's owner: inside
 * bcd_guard_run().
 */
Datum *
bcd_key_parse(const BcdFeed *feed, const char *key)
{
	return values_of(feed, bcd_key_texts(feed, key));
}

/*
 * The condition that finds a row by its key columns, given as parameters
 * from $1 on.
 */
char *
bcd_key_condition(const BcdFeed *feed)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&sql, "%s%s %s $%d", i ? " AND " : "",
						 quote_identifier(NameStr(feed->keys[i].name)),
						 feed->keys[i].equals, i + 1);
	return sql.data;
}

/* The key columns of a SELECT */
char *
bcd_key_columns(const BcdFeed *feed)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : "", quote_identifier(NameStr(feed->keys[i].name)));
	return sql.data;
}

/* The text of a key given by its values; with the settings pinned. */
static char *
key_text(const BcdFeed *feed, const Datum *values)
{
	StringInfoData out;

	initStringInfo(&out);
	bcd_keytext_append(feed->keytext, values, &out);
	return out.data;
}

/*
 * Raises an error if the key columns of rows that were read have other types
 * than when the feed was read.  The table may have been altered in between,
 * and values of one type must not be printed as those of another.
 */
void
bcd_key_check_rows(const BcdFeed *feed, TupleDesc desc)
{
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		if (TupleDescAttr(desc, i)->atttypid != feed->keys[i].type)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("feed \"%s\": the type of key column \"%s\" has just been changed",
							feed->name, NameStr(feed->keys[i].name)),
					 errhint("Try again.")));
}

/*
 * Returns the key of a row that was read with bcd_key_columns() for its first
 * columns; NULL if a part of it is null.  May be called for any number of rows
 * between bcd_keytext_pin() and bcd_keytext_unpin().
 */
char *
bcd_key_of_tuple(const BcdFeed *feed, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull;
	int			i;

	bcd_key_check_rows(feed, desc);
	for (i = 0; i < feed->nkeys; i++)
	{
		values[i] = heap_getattr(tuple, i + 1, desc, &isnull);
		if (isnull)
			return NULL;
	}
	return key_text(feed, values);
}

/* The types of a feed's key, for messages */
static char *
key_types(const BcdFeed *feed)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&names, "%s%s %s", i ? ", " : "", NameStr(feed->keys[i].name),
						 format_type_with_typemod(feed->keys[i].type, feed->keys[i].typmod));
	return names.data;
}

/* A value of a type as keys have it */
static char *
text_of(Oid type, Datum value)
{
	BcdKeyText *keytext = bcd_keytext_create(1, &type, CurrentMemoryContext);
	int			level = bcd_keytext_pin(keytext);
	StringInfoData out;

	initStringInfo(&out);
	bcd_keytext_append(keytext, &value, &out);
	bcd_keytext_unpin(level);
	return out.data;
}

/*
 * Types of limited precision or length may have rounded or truncated the
 * input: then it is not a key, and certainly not the key of another row.
 */
static bool
was_cut(const BcdKeyColumn *key, char *text, Datum value)
{
	int32		typmod = key->typmod;
	Oid			type = getBaseTypeAndTypmod(key->type, &typmod);
	char	   *has = text_of(key->type, value);
	Oid			input;
	Oid			ioparam;

	if (type == NAMEOID || type == CHAROID)
		return strcmp(has, text) != 0;
	if (typmod < 0)
		return false;
	getTypeInputInfo(type, &input, &ioparam);
	return strcmp(has, text_of(type, OidInputFunctionCall(input, text, ioparam, -1))) != 0;
}

/* The key for these texts; raises an error that is not meant for users if it is not a key. */
static char *
key_of_texts(const BcdFeed *feed, char **texts)
{
	Datum	   *values = bcd_key_values(feed, texts);
	char	   *key;
	int			level;
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		if (was_cut(&feed->keys[i], texts[i], values[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("It cannot be stored in column \"%s\" without rounding or truncation.",
							NameStr(feed->keys[i].name))));
	level = bcd_keytext_pin(feed->keytext);
	key = key_text(feed, values);
	bcd_keytext_unpin(level);
	return key;
}

/* What was given, for messages */
static char *
as_given(const BcdFeed *feed, char **texts)
{
	StringInfoData out;
	int			i;

	if (feed->nkeys == 1)
		return texts[0];
	initStringInfo(&out);
	for (i = 0; i < feed->nkeys; i++)
	{
		appendStringInfoString(&out, i == 0 ? "[" : ", ");
		escape_json(&out, texts[i]);
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

/*
 * Used by the two functions below: an error of a type's input function names
 * neither the feed nor the key.
 */
static char *
key_from(const BcdFeed *feed, const char *key, char **texts)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *volatile result = NULL;

	PG_TRY();
	{
		result = key_of_texts(feed, texts ? texts : bcd_key_texts(feed, key));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("\"%s\" is not a key of feed \"%s\" (%s)", texts ? as_given(feed, texts) : key,
						feed->name, key_types(feed)),
				 errdetail_internal("%s", error->message),
				 feed->nkeys == 1 || texts ? 0 :
				 errhint("A composite key is a JSON array of strings, in the order of the key columns.")));
	}
	PG_END_TRY();
	return result;
}

/*
 * The key for a text from a user, in any form that the types accept: '007' is
 * the key 7. If it is not a key, the error names the feed, the key and the
 * types.
 */
char *
bcd_key_given(const BcdFeed *feed, const char *key)
{
	return key_from(feed, key, NULL);
}

/* The same for a text of each column. */
char *
bcd_key_of_texts(const BcdFeed *feed, char **texts)
{
	return key_from(feed, "", texts);
}
