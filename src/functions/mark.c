/*
 * mark.c
 *		Marking rows by hand: mark, mark_since, mark_where, mark_all.
 *
 * Like the triggers, these functions append changes. The source is read by the
 * caller, with the caller's rights, search_path and settings; only the text of
 * a key is formed with pinned settings. Rows are fetched in portions, so
 * memory use does not grow with their number.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/change.h"
#include "capture/key_text.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "functions/mark.h"

#define FETCH_ROWS		1000

/* The state of marking rows */
typedef struct BcdMarker
{
	BcdFeed    *feed;
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
marker_create(BcdFeed *feed)
{
	BcdMarker  *marker = palloc0(sizeof(BcdMarker));

	marker->feed = feed;
	marker->scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta mark",
											ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&marker->key);
	marker->changes = bcd_changes_begin(marker->feed->feed_id);
	return marker;
}

static BcdMarker *
marker_begin(const text *feed_name, const char *function)
{
	BcdFeed    *feed;

	PreventCommandIfReadOnly(function);
	PreventCommandDuringRecovery(function);
	feed = bcd_feed_load(text_to_cstring(feed_name), false);
	bcd_feed_check_owner(feed, "mark rows of");
	return marker_create(feed);
}

static int64
marker_end(BcdMarker *marker)
{
	bcd_changes_end(marker->changes);
	bcd_feed_free(marker->feed);
	return marker->count;
}

/*
 * Records that a row without a usable key was changed; such rows are not
 * counted.
 */
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
	bcd_keytext_append(marker->feed->keytext, values, &marker->key);
	if (marker->key.len - VARHDRSZ > BCD_MAX_KEY)
	{
		mark_without_key(marker);
		return;
	}
	bcd_changes_add(marker->changes, BCD_OP_MARK, bcd_text_end(&marker->key));
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
	int			guc_level = bcd_keytext_pin(marker->feed->keytext);
	uint64		i;

	if (SPI_processed > 0)
		bcd_key_check_rows(marker->feed, SPI_tuptable->tupdesc);
	for (i = 0; i < SPI_processed; i++)
		mark_tuple(marker, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	bcd_keytext_unpin(guc_level);
	MemoryContextSwitchTo(old);
	MemoryContextReset(marker->scratch);
}

/* Marks the rows of the source for which a condition holds. */
static void
mark_rows(BcdMarker *marker, const char *condition, int nargs, Oid *types, Datum *values)
{
	char	   *sql = psprintf("SELECT %s FROM %s WHERE (%s\n)", bcd_key_columns(marker->feed),
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

/*
 * Marks rows by their keys, of which each has its canonical spelling; returns
 * their number.
 */
int64
bcd_mark_keys(BcdFeed *feed, const List *keys)
{
	BcdMarker  *marker = marker_create(feed);
	ListCell   *lc;

	foreach(lc, keys)
	{
		bcd_changes_add(marker->changes, BCD_OP_MARK, cstring_to_text(lfirst(lc)));
		marker->count++;
	}
	return marker_end(marker);
}

/*
 * bcdelta.mark(feed, VARIADIC keys): marks rows by their keys.
 *
 * The rows need not exist; a deleted row is marked like any other.
 */
Datum
bcdelta_mark(PG_FUNCTION_ARGS)
{
	BcdMarker  *marker = marker_begin(PG_GETARG_TEXT_PP(0), "bcdelta.mark()");
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	MemoryContext cxt;
	Datum	   *keys;
	bool	   *nulls;
	int			nkeys;
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &nkeys);
	cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta key", ALLOCSET_SMALL_SIZES);
	for (i = 0; i < nkeys; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		char	   *key;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key of feed \"%s\" must not be null", marker->feed->name)));
		key = bcd_key_given(marker->feed, TextDatumGetCString(keys[i]));
		bcd_changes_add(marker->changes, BCD_OP_MARK, cstring_to_text(key));
		marker->count++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	PG_RETURN_INT64(marker_end(marker));
}

/*
 * bcdelta.mark_since(feed, changed_column, since): marks the rows in which the
 * column has this time or a later one; nulls do not match.
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

/*
 * Marks all rows that may have a different payload under a new mapping: those
 * that are linked or pending, even if they are gone from the source, and those
 * that the feed's owner sees.
 */
void
bcd_mark_everything(const BcdFeed *feed)
{
	BcdMarker  *marker = marker_create(unconstify(BcdFeed *, feed));
	BcdRights	rights;

	bcd_changes_add(marker->changes, BCD_OP_TRUNCATE, NULL);
	bcd_become(&rights, feed->owner, true);
	mark_rows(marker, "true", 0, NULL, NULL);
	bcd_become_again(&rights);
	bcd_changes_end(marker->changes);
}
