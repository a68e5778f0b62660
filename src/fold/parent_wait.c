/*
 * parent_wait.c
 *		Captured values that wait for a lookup: bcdelta.lookup.
 *
 * They are put there when changes are folded, and looked up then, some in each
 * transaction.  A lookup that fails pauses its feed: what waits goes on
 * waiting, and other feeds go on.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
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
#include "feed/pause_log.h"
#include "fold/key_moves.h"
#include "fold/parent_wait.h"

/* Captured values looked up in one go, and about so many keys marked */
#define BATCH_VALUES	500
#define BATCH_KEYS		20000

/* Keys marked in one statement */
#define MARK_ROWS		5000

static BcdStatement put = {
	"INSERT INTO bcdelta.lookup AS l (feed_id, dependency_id, captured, changed_at)"
	" SELECT c.feed_id, split_part(c.key, ' ', 1)::int4, substr(c.key, strpos(c.key, ' ') + 1), min(c.changed_at)"
	" FROM unnest($1, $2, $3) AS c(feed_id, key, changed_at) GROUP BY 1, 2, 3 ORDER BY 2, 3"
	" ON CONFLICT (dependency_id, captured) DO UPDATE SET changed_at = least(l.changed_at, excluded.changed_at)",
	3, {INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID}
};

/*
 * Puts captured values there, from changes as arrays of their columns.  Their
 * dependency may be no more, see bcd_awaited_mark().
 */
void
bcd_awaited_put(Datum feed_ids, Datum keys, Datum changed_ats)
{
	Datum		args[] = {feed_ids, keys, changed_ats};

	(void) bcd_execute(&put, args, NULL);
}

static BcdStatement mark_keys = {
	"INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT $1, c.key, $4 FROM unnest($3) AS c(key)"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed_id = $2)"
	" AND NOT EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $2 AND m.key = c.key)"
	" AND NOT EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $2 AND m.moved_from = c.key)"
	" GROUP BY c.key ORDER BY c.key"
	BCD_MARK_PENDING,
	4, {TEXTOID, INT4OID, TEXTARRAYOID, TIMESTAMPTZOID}
};

/*
 * Marks what was found, some keys at a time.  Those that are about to move are
 * marked when they have, see fold.c.
 */
static void
mark_found(BcdSearch *search, Datum changed_at)
{
	const BcdFeed *feed = search->lookup->feed;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta keys found",
											  ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(search->desc, &TTSOpsMinimalTuple);
	bool		more = search->nkeys > 0;

	while (more)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Datum	   *keys = palloc(sizeof(Datum) * MARK_ROWS);
		Datum		args[4];
		int			n = 0;

		while (n < MARK_ROWS && (more = tuplestore_gettupleslot(search->keys, true, false, slot)))
		{
			bool		isnull;

			keys[n++] = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(slot, 1, &isnull)));
		}
		args[0] = CStringGetTextDatum(feed->name);
		args[1] = Int32GetDatum(feed->feed_id);
		args[2] = bcd_array(TEXTOID, keys, NULL, n);
		args[3] = changed_at;
		if (n > 0)
			(void) bcd_execute(&mark_keys, args, NULL);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(cxt);
}

static BcdStatement pause_feed = {
	"UPDATE bcdelta.feed AS f SET state = 'paused', paused_reason = $2"
	" FROM (SELECT feed_id, state FROM bcdelta.feed WHERE feed_id = $1 FOR NO KEY UPDATE SKIP LOCKED) AS l"
	" WHERE f.feed_id = l.feed_id"
	" RETURNING CASE WHEN l.state <> f.state THEN f.feed END, f.paused_reason",
	2, {INT4OID, TEXTOID}
};

/* What passes by itself is tried again later; all else is the query's. */
static bool
is_passing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_DISK_FULL ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* The rows that a change concerns are not known. */
static void
lookup_failed(const BcdSearch *search, const ErrorData *error)
{
	const BcdLookup *lookup = search->lookup;
	Datum		args[2];

	if (is_passing(error->sqlerrcode))
		return;
	args[0] = Int32GetDatum(lookup->feed->feed_id);
	args[1] = CStringGetTextDatum(psprintf("the lookup of table \"%s\" failed for the values %s: %s; put it right, with bcdelta.depends() where the query is wrong, then resume; what was captured is kept",
										   get_rel_name(lookup->child) ? get_rel_name(lookup->child) : "?",
										   search->captured, error->message));
	bcd_pauses_tell(bcd_execute(&pause_feed, args, NULL));
}

static BcdStatement select_captured = {
	"SELECT captured, changed_at FROM bcdelta.lookup WHERE dependency_id = $1"
	" ORDER BY captured LIMIT $2",
	2, {INT4OID, INT8OID}
};

static BcdStatement delete_captured = {
	"DELETE FROM bcdelta.lookup WHERE dependency_id = $1 AND captured = ANY ($2)",
	2, {INT4OID, TEXTARRAYOID}
};

/* Looks up what waits for one dependency, up to a limit; returns how much it was. */
static int64
look_up_some(BcdLookup *lookup)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum	   *captured = palloc(sizeof(Datum) * BATCH_VALUES);
	Datum	   *changed_at = palloc(sizeof(Datum) * BATCH_VALUES);
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	int64		nkeys = 0;
	Datum		args[2];
	int			done = 0;
	int			n;
	int			i;

	TupleDescInitEntry(desc, 1, "key", TEXTOID, -1, 0);
	args[0] = Int32GetDatum(lookup->dependency_id);
	args[1] = Int64GetDatum(BATCH_VALUES);
	n = (int) bcd_execute(&select_captured, args, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;

		captured[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(bcd_column_datum(i, 1, &isnull)));
		changed_at[i] = bcd_column_datum(i, 2, &isnull);
	}
	for (i = 0; i < n && nkeys < BATCH_KEYS; i++)
	{
		BcdSearch	search = {lookup, TextDatumGetCString(captured[i]), NULL, desc, 0};
		ErrorData  *error;

		search.keys = tuplestore_begin_heap(false, false, work_mem);
		error = bcd_parents_search(&search);
		MemoryContextSwitchTo(cxt);
		if (error)
			lookup_failed(&search, error);
		else
			mark_found(&search, changed_at[i]);
		tuplestore_end(search.keys);
		if (error)
			break;
		nkeys += search.nkeys;
		done++;
		CHECK_FOR_INTERRUPTS();
	}
	args[1] = bcd_array(TEXTOID, captured, NULL, done);
	if (done > 0)
		(void) bcd_execute(&delete_captured, args, NULL);
	return done;
}

static BcdStatement select_dependency = {
	"SELECT d.feed, d.child::oid::int8, d.parent_key, d.lookup FROM bcdelta.dependency AS d"
	" WHERE d.dependency_id = $1",
	1, {INT4OID}
};

/* A dependency, with its feed as it is to be read */
static void
load_lookup(void *arg)
{
	BcdLookup  *lookup = arg;
	MemoryContext cxt = CurrentMemoryContext;
	Datum		id = Int32GetDatum(lookup->dependency_id);
	Datum	   *names;
	char	   *feed;
	bool		isnull;
	int			n;
	int			i;

	if (bcd_execute(&select_dependency, &id, NULL) == 0)
		return;
	MemoryContextSwitchTo(cxt);
	feed = bcd_column_text(0, 1);
	lookup->child = (Oid) bcd_column_int64(0, 2, NULL);
	lookup->query = bcd_column_text(0, 4);
	deconstruct_array(DatumGetArrayTypePCopy(bcd_column_datum(0, 3, &isnull)), NAMEOID, NAMEDATALEN,
					  false, TYPALIGN_CHAR, &names, NULL, &n);
	for (i = 0; i < n; i++)
		lookup->columns = lappend(lookup->columns, pstrdup(NameStr(*DatumGetName(names[i]))));
	lookup->feed = bcd_feed_load(feed, true);
}

/*
 * The dependencies for which something waits, one look into the index each;
 * whether they are there, and their feeds active
 */
static BcdStatement select_waiting = {
	"WITH RECURSIVE w(id) AS ("
	"  (SELECT dependency_id FROM bcdelta.lookup ORDER BY dependency_id LIMIT 1)"
	" UNION ALL"
	"  SELECT (SELECT l.dependency_id FROM bcdelta.lookup AS l WHERE l.dependency_id > w.id"
	"   ORDER BY l.dependency_id LIMIT 1) FROM w WHERE w.id IS NOT NULL)"
	" SELECT w.id::int8, d.lookup IS NOT NULL, f.state = 'active' FROM w"
	" LEFT JOIN bcdelta.dependency AS d ON d.dependency_id = w.id"
	" LEFT JOIN bcdelta.feed AS f ON f.feed = d.feed WHERE w.id IS NOT NULL",
	0
};

/* Of a dependency that is no more: it may have been of any row. */
static BcdStatement give_up = {
	"WITH gone AS (DELETE FROM bcdelta.lookup WHERE dependency_id = $1 RETURNING feed_id, changed_at)"
	" INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT f.feed, k.key, g.changed_at"
	" FROM (SELECT feed_id, min(changed_at) AS changed_at FROM gone GROUP BY feed_id) AS g"
	" JOIN bcdelta.feed AS f USING (feed_id) CROSS JOIN LATERAL ("
	"  SELECT l.key FROM bcdelta.link AS l WHERE l.feed = f.feed"
	"  UNION SELECT q.key FROM bcdelta.pending AS q WHERE q.feed = f.feed AND q.key <> '[null]'"
	" ) AS k"
	BCD_MARK_PENDING,
	1, {INT4OID}
};

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
	/* a feed that cannot be loaded is paused when it is pushed */
	if (error == NULL && lookup.feed)
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
 * Marks the rows that lookups find for what was captured; returns how much of
 * that is done, 0 when there is nothing more to do now.  In a transaction of
 * the worker, which is not going to be read-only.
 */
int64
bcd_awaited_mark(void)
{
	uint64		n = bcd_execute(&select_waiting, NULL, NULL);
	int32	   *ids = palloc(sizeof(int32) * (n + 1));
	bool	   *there = palloc(sizeof(bool) * (n + 1));
	bool	   *active = palloc(sizeof(bool) * (n + 1));
	int64		done = 0;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		ids[i] = (int32) bcd_column_int64(i, 1, NULL);
		there[i] = bcd_column_bool(i, 2);
		active[i] = bcd_column_bool(i, 3);
	}
	for (i = 0; i < n; i++)
	{
		Datum		id = Int32GetDatum(ids[i]);

		if (!there[i])
			done += bcd_execute(&give_up, &id, NULL);
		else if (active[i])
			done += look_up(ids[i]);
	}
	return done;
}
