/*
 * source_items.c
 *		Makes items of all rows of a source, in the order of their keys.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/db.h"
#include "engine/claim.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/queue.h"
#include "engine/source_items.h"
#include "feed/key_list.h"

static char *
condition_of(const BcdRun *run)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(run->only, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	return TextDatumGetCString(elements[0]);
}

/* The condition of a verify has failed: nobody else is to blame. */
static void
condition_failed(BcdRun *run, const BcdLane *lane, const ErrorData *error)
{
	if (run->error == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 psprintf("the condition on the rows of feed \"%s\" failed: %s", lane->feed->name, error->message));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The rows in doubt, each once, as a text array */
static ArrayType *
in_doubt(const BcdLane *lane)
{
	int			n = list_length(lane->doubtful);
	char	  **keys = palloc(sizeof(char *) * Max(n, 1));
	List	   *once = NIL;
	ListCell   *lc;
	int			i = 0;

	foreach(lc, lane->doubtful)
		keys[i++] = lfirst(lc);
	qsort(keys, n, sizeof(char *), by_text);
	for (i = 0; i < n; i++)
		if (i == 0 || strcmp(keys[i], keys[i - 1]) != 0)
			once = lappend(once, keys[i]);
	return DatumGetArrayTypeP(bcd_text_array(once));
}

/*
 * Returns the keys of the rows that the run is for, in the current memory
 * context; or NULL: it fails.
 */
static BcdKeyList *
list_keys(BcdRun *run, BcdLane *lane)
{
	ErrorData  *error;
	BcdKeyList *keys;

	if (lane->again)
		return bcd_keylist_of(in_doubt(lane));
	if (run->only == NULL)
		return bcd_keylist_create(lane->feed);
	if (strcmp(run->mode, "where") != 0)
		return bcd_keylist_of(run->only);
	keys = bcd_keylist_where(lane->feed, condition_of(run), &error);
	if (keys == NULL && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
	if (keys == NULL)
		condition_failed(run, lane, error);
	return keys;
}

/*
 * After the last key of the lane: the rows in doubt are the next ones, whatever
 * the run is for.
 */
void
bcd_items_in_doubt_next(BcdLane *lane)
{
	if (lane->keys)
		bcd_keylist_free(lane->keys);
	lane->keys = NULL;
	lane->again = true;
}

/* Creates items for the next keys, at most as many as are read together. */
static List *
next_items(BcdLane *lane, int most)
{
	List	   *items = NIL;
	char	   *key;

	while (list_length(items) < Min(most, BCD_ROWS_TOGETHER) && (key = bcd_keylist_next(lane->keys)) != NULL)
		items = lappend(items, bcd_item_create(lane, key));
	return items;
}

/* Puts back items that have not been decided on. */
static void
put_back(BcdLane *lane, List *items)
{
	ListCell   *lc;

	bcd_keylist_return(lane->keys, list_length(items));
	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		dlist_delete(&item->node);
		bcd_item_free(lane, item);
	}
}

/*
 * Returns items for the next source rows, with their links; decide() makes a
 * decision for each, for which it reads the row; or, if filter_only, finds out
 * whether it is there.  Called in a claim: see BcdRunKind.
 */
List *
bcd_items_of_source(BcdRun *run, BcdLane *lane, MemoryContext cxt, bool filter_only,
					void (*decide) (BcdLane *lane, BcdItem *item))
{
	List	   *items = NIL;
	List	   *next = NIL;
	int64		began = bcd_now_ms();
	MemoryContext old;

	if (lane->keys == NULL)
	{
		old = MemoryContextSwitchTo(lane->cxt);
		lane->keys = list_keys(run, lane);
		MemoryContextSwitchTo(old);
		if (lane->keys == NULL)
			return NIL;
		run->progress.total += bcd_keylist_count(lane->keys);
	}
	while (list_length(items) < lane->claim_rows && (items == NIL || bcd_now_ms() - began <= BCD_CLAIM_MAX_MS))
	{
		if (next == NIL)
		{
			next = next_items(lane, lane->claim_rows - list_length(items));
			if (next == NIL)
				break;
			bcd_queue_links_of(lane, next);
			bcd_rows_expect(lane->feed, bcd_item_keys(next), filter_only);
		}
		old = MemoryContextSwitchTo(cxt);
		items = lappend(items, linitial(next));
		MemoryContextSwitchTo(old);
		next = list_delete_first(next);
		decide(lane, llast(items));
	}
	put_back(lane, next);
	return items;
}
