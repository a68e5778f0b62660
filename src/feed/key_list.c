/*
 * key_list.c
 *		The keys of a source table at one point in time, read in portions.
 *
 * The keys are read in one transaction, as the feed's owner, into a tuplestore
 * that outlives it; so neither a snapshot nor a lock is held while the worker
 * waits for requests, and memory stays flat: keys that do not fit into
 * work_mem are in a temporary file.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/attempt.h"
#include "base/db.h"
#include "base/guc.h"
#include "capture/key_text.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/key_list.h"
#include "feed/mapping_guard.h"

#define FETCH_ROWS 1000

struct BcdKeyList
{
	MemoryContext cxt;
	Tuplestorestate *store;
	TupleDesc	desc;
	TupleTableSlot *slot;
	int64		count;
	List	   *current;		/* put back earlier, and being read again */
	List	   *back;			/* put back for the next time */
	int			kept;			/* number of these at the last
								 * bcd_keylist_keep() */
	List	   *taken;			/* read since the last bcd_keylist_keep() */
};

/* Keeps the keys of the last fetch. */
static void
keep_fetched(BcdKeyList *list, const BcdFeed *feed, MemoryContext scratch)
{
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int			level = bcd_keytext_pin(feed->keytext);
	uint64		i;

	for (i = 0; i < SPI_processed; i++)
	{
		char	   *key = bcd_key_of_tuple(feed, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		bool		isnull = (key == NULL);
		Datum		value = key ? CStringGetTextDatum(key) : (Datum) 0;

		tuplestore_putvalues(list->store, list->desc, &value, &isnull);
	}
	bcd_keytext_unpin(level);
	list->count += SPI_processed;
	MemoryContextSwitchTo(old);
	MemoryContextReset(scratch);
}

typedef struct Filling
{
	BcdKeyList *list;
	BcdFeed    *feed;
	const char *condition;
} Filling;

/* The query for the keys of the rows that satisfy a condition (NULL: all) */
char *
bcd_keylist_query(const BcdFeed *feed, const char *condition)
{
	return psprintf("SELECT %s FROM %s%s", bcd_key_columns(feed), bcd_feed_from(feed),
					condition ? psprintf(" WHERE (%s\n)", condition) : "");
}

static void
fill(void *arg)
{
	BcdKeyList *list = ((Filling *) arg)->list;
	BcdFeed    *feed = ((Filling *) arg)->feed;
	char	   *sql = bcd_keylist_query(feed, ((Filling *) arg)->condition);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta keys fetched",
												  ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr	plan;
	Portal		portal;

	bcd_tx_scan();
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		keep_fetched(list, feed, scratch);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed == FETCH_ROWS);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	MemoryContextDelete(scratch);
}

static BcdKeyList *
create(void)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta keys",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BcdKeyList *list = palloc0(sizeof(BcdKeyList));

	list->cxt = cxt;
	list->desc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(list->desc, 1, "key", TEXTOID, -1, 0);
	list->slot = MakeSingleTupleTableSlot(list->desc, &TTSOpsMinimalTuple);
	/* interXact: its file is not closed at the end of this transaction */
	list->store = tuplestore_begin_heap(false, true, work_mem);
	MemoryContextSwitchTo(old);
	return list;
}

/*
 * Reads the keys of a feed's source, in a transaction of the caller.  The
 * list lives in the caller's context, beyond the transaction.
 */
BcdKeyList *
bcd_keylist_create(BcdFeed *feed)
{
	BcdKeyList *list = create();
	Filling		filling = {list, feed, NULL};

	bcd_guard_run(feed, NULL, BCD_TABLE_TURNS, fill, &filling);
	return list;
}

/*
 * Unlike a mapping, a condition is used once and by a person, who may not know
 * what the functions in it do: it must not write.  Nor may it hold the worker, and with it all
 * stores of the database, for longer than a row does.
 */
static void
fill_where(void *arg)
{
	Filling    *filling = arg;
	bool		before = XactReadOnly;

	XactReadOnly = true;		/* an error ends the subtransaction, and this */
	bcd_guard_run(filling->feed, NULL, 1, fill, filling);
	XactReadOnly = before;
}

/*
 * The same for the rows that satisfy a condition.  If it fails, *error is set,
 * and NULL is returned.
 */
BcdKeyList *
bcd_keylist_where(BcdFeed *feed, const char *condition, ErrorData **error)
{
	BcdKeyList *list = create();
	Filling		filling = {list, feed, condition};

	*error = bcd_attempt(fill_where, &filling);
	if (*error == NULL)
		return list;
	bcd_keylist_free(list);
	if ((*error)->sqlerrcode == BCD_ERRCODE_OVERTIME)
		(*error)->message = psprintf("it took longer than bcdelta.mapping_timeout, which is %d ms", bcd_mapping_timeout);
	return NULL;
}

/* A list of these keys, a text array. */
BcdKeyList *
bcd_keylist_of(ArrayType *keys)
{
	BcdKeyList *list = create();
	Datum	   *elements;
	int			n;
	int			i;

	deconstruct_array(keys, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (i = 0; i < n; i++)
	{
		bool		isnull = false;

		tuplestore_putvalues(list->store, list->desc, &elements[i], &isnull);
	}
	list->count = n;
	return list;
}

/* The next key of the table, palloc'd; NULL at the end. */
static char *
read_key(BcdKeyList *list)
{
	bool		isnull;
	Datum		key;

	do
	{
		/* the slot keeps a tuple beyond the caller's memory */
		MemoryContext old = MemoryContextSwitchTo(list->cxt);
		bool		more = tuplestore_gettupleslot(list->store, true, false, list->slot);

		MemoryContextSwitchTo(old);
		if (!more)
			return NULL;
		key = slot_getattr(list->slot, 1, &isnull);
	} while (isnull);
	return TextDatumGetCString(key);
}

/* The next key, palloc'd; NULL at the end. */
char *
bcd_keylist_next(BcdKeyList *list)
{
	MemoryContext old;
	char	   *key;

	if (list->current != NIL)
	{
		key = linitial(list->current);
		list->current = list_delete_first(list->current);
	}
	else
		key = read_key(list);
	if (key)
	{
		old = MemoryContextSwitchTo(list->cxt);
		list->taken = lappend(list->taken, pstrdup(key));
		MemoryContextSwitchTo(old);
	}
	return key;
}

/* Takes back the last n keys, which will be the next ones. */
void
bcd_keylist_return(BcdKeyList *list, int n)
{
	MemoryContext old = MemoryContextSwitchTo(list->cxt);

	for (; n > 0; n--)
	{
		list->current = lcons(llast(list->taken), list->current);
		list->taken = list_delete_last(list->taken);
	}
	MemoryContextSwitchTo(old);
}

/* The work on the keys read so far has been committed. */
void
bcd_keylist_keep(BcdKeyList *list)
{
	list_free_deep(list->taken);
	list->taken = NIL;
	list->kept = list_length(list->back);
}

/* Returns to the last bcd_keylist_keep() after a failed transaction. */
void
bcd_keylist_undo(BcdKeyList *list)
{
	MemoryContext old = MemoryContextSwitchTo(list->cxt);

	list->current = list_concat(list->taken, list->current);
	list->taken = NIL;
	list->back = list_truncate(list->back, list->kept);
	MemoryContextSwitchTo(old);
}

/* Puts a key back, to be read again after bcd_keylist_again(). */
void
bcd_keylist_put_back(BcdKeyList *list, const char *key)
{
	MemoryContext old = MemoryContextSwitchTo(list->cxt);

	list->back = lappend(list->back, pstrdup(key));
	MemoryContextSwitchTo(old);
}

bool
bcd_keylist_has_back(const BcdKeyList *list)
{
	return list->back != NIL;
}

/* Lets keys that were put back be read again. */
void
bcd_keylist_again(BcdKeyList *list)
{
	list->current = list->back;
	list->back = NIL;
	list->kept = 0;
}

int64
bcd_keylist_count(const BcdKeyList *list)
{
	return list->count;
}

void
bcd_keylist_free(BcdKeyList *list)
{
	ExecDropSingleTupleTableSlot(list->slot);
	tuplestore_end(list->store);
	MemoryContextDelete(list->cxt);
}
