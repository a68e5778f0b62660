/*
 * mark.c
 *		Marking rows by hand: mark, mark_since, mark_where, mark_all.
 *
 * They append changes as the triggers do.  The source is read by the caller,
 * with the caller's rights, search_path and settings; only the text of a key
 * is made under pinned settings.  Rows are fetched in portions, so memory
 * does not grow with their number.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "bcdelta.h"
#include "change.h"
#include "compat.h"
#include "feed.h"
#include "keytext.h"

#define FETCH_ROWS		1000

/* Rows being marked */
typedef struct BcdMarker
{
	BcdFeed    *feed;
	BcdKeyText *keytext;
	BcdChanges *changes;
	MemoryContext scratch;
	StringInfoData key;
	int64		count;
} BcdMarker;

PG_FUNCTION_INFO_V1(bcdelta_mark);
PG_FUNCTION_INFO_V1(bcdelta_mark_since);
PG_FUNCTION_INFO_V1(bcdelta_mark_where);
PG_FUNCTION_INFO_V1(bcdelta_mark_all);

static BcdMarker *
marker_begin(const text *feed_name, const char *function)
{
	BcdMarker  *marker = palloc0(sizeof(BcdMarker));
	Oid		   *types;
	int			i;

	PreventCommandIfReadOnly(function);
	PreventCommandDuringRecovery(function);
	marker->feed = bcd_feed_load(text_to_cstring(feed_name), false);
	bcd_feed_check_owner(marker->feed, "mark rows of");
	types = palloc(sizeof(Oid) * marker->feed->nkeys);
	for (i = 0; i < marker->feed->nkeys; i++)
		types[i] = marker->feed->keys[i].type;
	marker->keytext = bcd_keytext_create(marker->feed->nkeys, types, CurrentMemoryContext);
	marker->scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta mark",
											ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&marker->key);
	marker->changes = bcd_changes_begin(marker->feed->feed_id);
	return marker;
}

static int64
marker_end(BcdMarker *marker)
{
	bcd_changes_end(marker->changes);
	bcd_feed_free(marker->feed);
	return marker->count;
}

/* A row that cannot be told from others, and is not counted */
static void
mark_without_key(BcdMarker *marker)
{
	bcd_changes_add(marker->changes, BCD_OP_NO_KEY, NULL);
}

/* Marks the row of a key given by its values. */
static void
mark_key(BcdMarker *marker, const Datum *values)
{
	bcd_text_begin(&marker->key);
	bcd_keytext_append(marker->keytext, values, &marker->key);
	if (marker->key.len - VARHDRSZ > BCD_MAX_KEY)
	{
		mark_without_key(marker);
		return;
	}
	bcd_changes_add(marker->changes, BCD_OP_CHANGE, bcd_text_end(&marker->key));
	marker->count++;
}

/* Marks one row of a query's result, whose columns are the key columns. */
static void
mark_tuple(BcdMarker *marker, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[INDEX_MAX_KEYS];
	int			i;

	for (i = 0; i < marker->feed->nkeys; i++)
	{
		bool		isnull;

		values[i] = heap_getattr(tuple, i + 1, desc, &isnull);
		if (isnull)
		{
			mark_without_key(marker);
			return;
		}
	}
	mark_key(marker, values);
}

/* Marks the rows of the last fetch. */
static void
mark_fetched(BcdMarker *marker)
{
	MemoryContext old = MemoryContextSwitchTo(marker->scratch);
	int			guc_level = bcd_keytext_pin(marker->keytext);
	uint64		i;

	for (i = 0; i < SPI_processed; i++)
		mark_tuple(marker, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	bcd_keytext_unpin(guc_level);
	MemoryContextSwitchTo(old);
	MemoryContextReset(marker->scratch);
}

/* Marks the row of one key, given by its values. */
static void
mark_pinned(BcdMarker *marker, const Datum *values)
{
	int			guc_level = bcd_keytext_pin(marker->keytext);

	mark_key(marker, values);
	bcd_keytext_unpin(guc_level);
}

/* The key columns of a SELECT */
static char *
key_columns(const BcdFeed *feed)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "",
						 quote_identifier(NameStr(feed->keys[i].name)));
	return list.data;
}

/* Marks the rows of the source for which a condition holds. */
static void
mark_rows(BcdMarker *marker, const char *condition, int nargs, Oid *types, Datum *values)
{
	char	   *sql = psprintf("SELECT %s FROM %s WHERE (%s\n)", key_columns(marker->feed),
							   bcd_feed_from(marker->feed), condition);
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	portal = SPI_cursor_open_with_args(NULL, sql, nargs, types, values, NULL, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		mark_fetched(marker);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	SPI_finish();
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

/*
 * The values of a key given as text; an error that says which feed, key and
 * types when it is none.
 */
static Datum *
parse_key(const BcdFeed *feed, const char *key)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum	   *volatile values = NULL;

	PG_TRY();
	{
		values = bcd_key_parse(feed, key);
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
				 errmsg("\"%s\" is not a key of feed \"%s\" (%s)", key, feed->name, key_types(feed)),
				 errdetail_internal("%s", error->message),
				 feed->nkeys == 1 ? 0 :
				 errhint("A composite key is a JSON array of texts, in the order of the key columns.")));
	}
	PG_END_TRY();
	return values;
}

/* A plan that finds the rows whose keys are equal to one, if that is needed */
static SPIPlanPtr
plan_look_up(const BcdFeed *feed)
{
	bool		needed = false;
	Oid			types[INDEX_MAX_KEYS];
	SPIPlanPtr	plan;
	char	   *sql;
	int			i;

	for (i = 0; i < feed->nkeys; i++)
	{
		types[i] = feed->keys[i].type;
		needed = needed || bcd_keytext_has_variants(feed->keys[i].type, feed->keys[i].collation);
	}
	if (!needed)
		return NULL;
	sql = psprintf("SELECT %s FROM %s WHERE %s", key_columns(feed), bcd_feed_from(feed),
				   bcd_key_condition(feed));
	plan = SPI_prepare(sql, feed->nkeys, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* Marks a key as the row has it, or as it is if there is no such row. */
static void
mark_given(BcdMarker *marker, SPIPlanPtr look_up, Datum *values)
{
	if (look_up)
	{
		int			rc = SPI_execute_plan(look_up, values, NULL, true, 0);

		if (rc != SPI_OK_SELECT)
			elog(ERROR, "could not look up a key: %s", SPI_result_code_string(rc));
		if (SPI_processed > 0)
		{
			mark_fetched(marker);
			SPI_freetuptable(SPI_tuptable);
			return;
		}
	}
	mark_pinned(marker, values);
}

/*
 * bcdelta.mark(feed, VARIADIC keys): marks rows by their keys.
 *
 * A row need not exist: one that was deleted is marked like any other.
 */
Datum
bcdelta_mark(PG_FUNCTION_ARGS)
{
	BcdMarker  *marker = marker_begin(PG_GETARG_TEXT_PP(0), "bcdelta.mark()");
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	SPIPlanPtr	look_up;
	MemoryContext cxt;
	Datum	   *keys;
	bool	   *nulls;
	int			nkeys;
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &nkeys);
	cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta key", ALLOCSET_SMALL_SIZES);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	look_up = plan_look_up(marker->feed);
	for (i = 0; i < nkeys; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key of feed \"%s\" must not be null", marker->feed->name)));
		mark_given(marker, look_up, parse_key(marker->feed, TextDatumGetCString(keys[i])));
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	SPI_finish();
	PG_RETURN_INT64(marker_end(marker));
}

/*
 * bcdelta.mark_since(feed, changed_column, since): marks the rows whose
 * column is not earlier; a null is not a time, and not marked.
 */
Datum
bcdelta_mark_since(PG_FUNCTION_ARGS)
{
	BcdMarker  *marker = marker_begin(PG_GETARG_TEXT_PP(0), "bcdelta.mark_since()");
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	Datum		since = PG_GETARG_DATUM(2);
	Oid			type = TIMESTAMPTZOID;
	AttrNumber	attnum = get_attnum(marker->feed->source, column);
	Oid			column_type;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", column,
						get_rel_name(marker->feed->source))));
	column_type = getBaseType(get_atttype(marker->feed->source, attnum));
	if (column_type != TIMESTAMPTZOID && column_type != TIMESTAMPOID && column_type != DATEOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" has type %s, which is not a date or a timestamp",
						column, get_rel_name(marker->feed->source), format_type_be(column_type)),
				 errhint("Use bcdelta.mark_where() with a condition of your own.")));
	mark_rows(marker,
			  psprintf("%s OPERATOR(pg_catalog.>=) $1", quote_identifier(column)),
			  1, &type, &since);
	PG_RETURN_INT64(marker_end(marker));
}

/*
 * bcdelta.mark_where(feed, condition): marks the rows for which an SQL
 * condition holds.
 */
Datum
bcdelta_mark_where(PG_FUNCTION_ARGS)
{
	BcdMarker  *marker = marker_begin(PG_GETARG_TEXT_PP(0), "bcdelta.mark_where()");
	char	   *condition = text_to_cstring(PG_GETARG_TEXT_PP(1));

	bcd_expression_check(condition, "the condition");
	mark_rows(marker, condition, 0, NULL, NULL);
	PG_RETURN_INT64(marker_end(marker));
}

/*
 * bcdelta.mark_all(feed): marks every row that the caller sees.
 */
Datum
bcdelta_mark_all(PG_FUNCTION_ARGS)
{
	BcdMarker  *marker = marker_begin(PG_GETARG_TEXT_PP(0), "bcdelta.mark_all()");

	mark_rows(marker, "true", 0, NULL, NULL);
	PG_RETURN_INT64(marker_end(marker));
}
