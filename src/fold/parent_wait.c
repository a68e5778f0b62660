/*
 * parent_wait.c
 *		Looks up the rows for captured values that wait in bcdelta.lookup.
 *
 * Folding changes adds these values, and looks them up afterwards, some in
 * each transaction. A lookup that fails pauses its feed; its values keep
 * waiting, and other feeds are not affected.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/parent_lookup.h"
#include "fold/parent_wait.h"
#include "tables/dependency.h"
#include "tables/feed.h"
#include "tables/feed_state.h"
#include "tables/lookup.h"
#include "tables/pending_mark.h"

/*
 * Captured values to look up at a time, and keys to mark for them,
 * approximately
 */
#define BATCH_VALUES	500
#define BATCH_KEYS		20000

/* Keys marked in one statement */
#define MARK_ROWS		5000

/* Rows to mark, for all values of a batch: one statement for each would cost more than its lookup */
typedef struct Found
{
	const BcdFeed *feed;
	MemoryContext cxt;
	Datum	   *keys;
	Datum	   *changed_ats;
	int			n;
} Found;

static void
begin_found(Found *found, const BcdFeed *feed)
{
	found->feed = feed;
	found->cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta keys found", ALLOCSET_DEFAULT_SIZES);
	found->keys = palloc(sizeof(Datum) * MARK_ROWS);
	found->changed_ats = palloc(sizeof(Datum) * MARK_ROWS);
	found->n = 0;
}

/*
 * Marks the rows that were found. Rows whose keys are about to move are marked
 * after the move; see fold.c.
 */
static void
mark_found(Found *found)
{
	MemoryContext old = MemoryContextSwitchTo(found->cxt);

	if (found->n > 0)
		bcd_pending_mark_found(found->feed->name, found->feed->feed_id, bcd_array(TEXTOID, found->keys, NULL, found->n),
							   bcd_array(TIMESTAMPTZOID, found->changed_ats, NULL, found->n));
	found->n = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(found->cxt);
}

/* Adds what a search has found. */
static void
add_found(Found *found, BcdSearch *search, Datum changed_at)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(search->desc, &TTSOpsMinimalTuple);

	while (search->nkeys > 0 && tuplestore_gettupleslot(search->keys, true, false, slot))
	{
		bool		isnull;
		MemoryContext old = MemoryContextSwitchTo(found->cxt);

		found->keys[found->n] = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(slot, 1, &isnull)));
		MemoryContextSwitchTo(old);
		found->changed_ats[found->n++] = changed_at;
		if (found->n == MARK_ROWS)
			mark_found(found);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Temporary errors are retried later; any other error is the query's fault. */
static bool
is_passing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_DISK_FULL ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/*
 * It is unknown which rows a change concerns: pauses the feed, unless the
 * error is temporary.
 */
static void
lookup_failed(const BcdSearch *search, const ErrorData *error)
{
	const BcdLookup *lookup = search->lookup;

	if (is_passing(error->sqlerrcode))
		return;
	bcd_feed_pause_id(lookup->feed->feed_id,
					  psprintf("the lookup of table \"%s\" failed for the values %s: %s; fix the cause, or replace the query with bcdelta.depends(), then resume; captured values are kept",
							   get_rel_name(lookup->child) ? get_rel_name(lookup->child) : "?",
							   search->captured, error->message));
}

/* Looks up some values that wait for one dependency; returns their number. */
static int64
look_up_some(BcdLookup *lookup)
{
	MemoryContext cxt = CurrentMemoryContext;
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	int64		nkeys = 0;
	BcdCaptured *captured;
	Found		found;
	int			done = 0;
	int			n;
	int			i;

	TupleDescInitEntry(desc, 1, "key", TEXTOID, -1, 0);
	captured = bcd_lookups_read(lookup->dependency_id, BATCH_VALUES, &n);
	begin_found(&found, lookup->feed);
	for (i = 0; i < n && nkeys < BATCH_KEYS; i++)
	{
		BcdSearch	search = {lookup, TextDatumGetCString(captured[i].values), NULL, desc, 0};
		ErrorData  *error;

		search.keys = tuplestore_begin_heap(false, false, work_mem);
		error = bcd_parents_search(&search);
		MemoryContextSwitchTo(cxt);
		if (error)
			lookup_failed(&search, error);
		else
			add_found(&found, &search, captured[i].changed_at);
		tuplestore_end(search.keys);
		if (error)
			break;
		nkeys += search.nkeys;
		done++;
		CHECK_FOR_INTERRUPTS();
	}
	mark_found(&found);
	bcd_lookups_delete(lookup->dependency_id, captured, done);
	return done;
}

/* Loads a dependency together with its feed */
static void
load_lookup(void *arg)
{
	BcdLookup  *lookup = arg;
	BcdDependency dependency;

	if (!bcd_dependency_read(lookup->dependency_id, &dependency))
		return;
	lookup->child = dependency.child;
	lookup->query = dependency.lookup;
	lookup->columns = dependency.parent_key;
	lookup->feed = bcd_feed_load(dependency.feed, true);
}

/* Prevents that a feed is removed while its rows are marked, if it is there. */
static bool
is_locked(const BcdFeed *feed)
{
	Datum		id = Int32GetDatum(feed->feed_id);

	return bcd_feeds_lock(bcd_array(INT4OID, &id, NULL, 1)) != NIL;
}

static int64
look_up(int32 dependency_id)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta lookup",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BcdLookup	lookup = {dependency_id};
	ErrorData  *error = bcd_attempt(load_lookup, &lookup);
	int64		done = 0;

	MemoryContextSwitchTo(cxt);
	/* a feed that cannot be loaded will be paused by the next push */
	if (error == NULL && lookup.feed && is_locked(lookup.feed))
		done = look_up_some(&lookup);
	if (lookup.plan)
		SPI_freeplan(lookup.plan);
	if (error == NULL && lookup.feed)
		bcd_feed_free(lookup.feed);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return done;
}

/*
 * Marks the rows that lookups find for captured values of these dependencies
 * (BcdLookupWait). Returns how many values were processed, or 0 if there is
 * nothing more to do for now. Must be called in a transaction of the worker
 * before it becomes read-only.
 */
int64
bcd_run_lookups(List *waiting)
{
	int64		done = 0;
	ListCell   *lc;

	foreach(lc, waiting)
	{
		const BcdLookupWait *wait = lfirst(lc);

		if (!wait->exists)
			done += bcd_pending_mark_lookups(wait->dependency_id);
		else if (wait->active)
			done += look_up(wait->dependency_id);
	}
	return done;
}
