/*
 * fold.c
 *		Moves captured changes from bcdelta.change to bcdelta.pending.
 *
 * Changes are taken out of the table as they come (drain.c) and marked as
 * pending rows, many in one statement. Their order does not matter: marking a
 * row means that the source has to be read, not what the row held.
 *
 * The order does matter for changed keys, because links move with them.
 * Changed keys are set aside in bcdelta.move until every committed change has
 * been taken out of the table; key_moves.c does the rest.
 *
 * While a key change is set aside, a row with either key must not be pushed:
 * its link may be under the other key. Changes of such keys are dropped here,
 * because both keys are marked when the link has moved; bcd_fold_is_moving()
 * holds back rows that are already pending.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "fold/drain.h"
#include "fold/fold.h"
#include "fold/freeze.h"
#include "fold/key_moves.h"
#include "fold/parent_wait.h"
#include "tables/feed.h"
#include "tables/feed_state.h"
#include "tables/lookup.h"
#include "tables/move.h"
#include "tables/pending_mark.h"

/* Columns of many changes as arrays, for unnest() */
typedef struct BcdArrays
{
	int			n;
	Datum	   *feed_ids;
	Datum	   *keys;
	Datum	   *moved_froms;
	Datum	   *move_ids;
	Datum	   *changed_ats;
	Datum	   *captured;		/* not marked by hand */
} BcdArrays;

static void
arrays_init(BcdArrays *arrays, int max)
{
	Size		bytes = sizeof(Datum) * Max(max, 1);

	arrays->n = 0;
	arrays->feed_ids = palloc(bytes);
	arrays->keys = palloc(bytes);
	arrays->moved_froms = palloc(bytes);
	arrays->move_ids = palloc(bytes);
	arrays->changed_ats = palloc(bytes);
	arrays->captured = palloc(bytes);
}

static void
arrays_add(BcdArrays *arrays, const BcdChange *change)
{
	int			n = arrays->n++;

	arrays->feed_ids[n] = Int32GetDatum(change->feed_id);
	arrays->keys[n] = CStringGetTextDatum(change->key);
	arrays->moved_froms[n] = change->moved_from ? CStringGetTextDatum(change->moved_from) : 0;
	arrays->move_ids[n] = Int64GetDatum(change->move_id);
	arrays->changed_ats[n] = TimestampTzGetDatum(change->changed_at);
	arrays->captured[n] = BoolGetDatum(change->op != BCD_OP_MARK);
}

/* Returns one of the columns as an array. */
static Datum
column(const BcdArrays *arrays, Oid type, Datum *values)
{
	return bcd_array(type, values, NULL, arrays->n);
}

static void
fold_keys(BcdArrays *a, bool moves_exist)
{
	if (a->n > 0)
		bcd_pending_mark_changed(column(a, INT4OID, a->feed_ids), column(a, TEXTOID, a->keys),
								 column(a, TIMESTAMPTZOID, a->changed_ats), column(a, BOOLOID, a->captured), moves_exist);
}

static void
fold_moves(BcdArrays *a)
{
	if (a->n > 0)
		bcd_moves_insert(column(a, INT4OID, a->feed_ids), column(a, TEXTOID, a->keys),
						 column(a, TEXTOID, a->moved_froms), column(a, INT8OID, a->move_ids),
						 column(a, TIMESTAMPTZOID, a->changed_ats));
}

static void
fold_lookups(BcdArrays *a)
{
	if (a->n > 0)
		bcd_lookups_insert(column(a, INT4OID, a->feed_ids), column(a, TEXTOID, a->keys),
						   column(a, TIMESTAMPTZOID, a->changed_ats));
}

static bool
is_among(const int32 *ids, int n, int32 id)
{
	int			i;

	for (i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Returns the ids of the feeds that have changes here. */
static Datum
feeds_of(const BcdDrain *drain)
{
	int32	   *ids = palloc(sizeof(int32) * (drain->nchanges + 1));
	Datum	   *values;
	int			n = 0;
	int			i;

	for (i = 0; i < drain->nchanges; i++)
	{
		int32		id = drain->changes[i].feed_id;

		if ((n == 0 || ids[n - 1] != id) && !is_among(ids, n, id))
			ids[n++] = id;
	}
	values = palloc(sizeof(Datum) * (n + 1));
	for (i = 0; i < n; i++)
		values[i] = Int32GetDatum(ids[i]);
	return bcd_array(INT4OID, values, NULL, n);
}

/*
 * Pauses a feed because a column that identifies changed rows is gone. Returns
 * false if another session has the feed's row locked.
 */
static bool
pause_feed(const BcdChange *change)
{
	if (change->key)
		return bcd_feed_pause_for_parent_key(change->feed_id, atoi(change->key), change->changed_at);
	return bcd_feed_pause_for_key(change->feed_id, change->changed_at);
}

/*
 * Folds a change that does not concern a single row. Returns false if it has
 * to wait because another session is about to pause or resume the feed.
 */
static bool
fold_whole(const BcdChange *change)
{
	switch (change->op)
	{
		case BCD_OP_NO_KEY:
			bcd_pending_mark_without_key(change->feed_id, change->changed_at);
			return true;
		case BCD_OP_ANY:
			if (!pause_feed(change))
				return false;
			break;
	}
	bcd_pending_mark_known(change->feed_id, change->changed_at);
	return true;
}

static bool
same_whole(const BcdChange *a, const BcdChange *b)
{
	return a->feed_id == b->feed_id && a->op == b->op &&
		(a->key && b->key ? strcmp(a->key, b->key) == 0 : a->key == b->key);
}

/* The feeds of some changes, and the actions allowed for them */
typedef struct BcdFeeds
{
	List	   *locked;			/* locked by us, so that nobody can remove
								 * them */
	List	   *known;
	bool		complete;		/* others were removed; else they may yet be
								 * restored */
	List	   *left;			/* feeds with a change that was left in the
								 * table */
} BcdFeeds;

static void
lock_the_feeds(const BcdDrain *drain, BcdFeeds *feeds)
{
	Datum		arg = feeds_of(drain);

	feeds->locked = bcd_feeds_lock(arg);
	/* in this order: they may be restored just now */
	feeds->complete = bcd_feeds_are_complete();
	feeds->known = bcd_feeds_known(arg);
}

/*
 * Removes the changes that were read from the table, and sorts them by what
 * has to be done with them. Returns the number removed.
 *
 * Changes of whole feeds are folded at once. A series of identical ones is
 * folded only once: truncating a table with many partitions leaves one for
 * each.
 */
static int64
remove_changes(BcdDrain *drain, BcdFeeds *feeds, BcdArrays *keys, BcdArrays *moves,
			   BcdArrays *lookups)
{
	const BcdChange *whole = NULL;
	int64		removed = 0;
	int			i;

	for (i = 0; i < drain->nchanges; i++)
	{
		BcdChange  *change = &drain->changes[i];
		bool		known = list_member_int(feeds->known, change->feed_id);
		bool		is_key = (change->op == BCD_OP_CHANGE || change->op == BCD_OP_MARK) && change->key;
		bool		is_move = change->op == BCD_OP_MOVE && change->key && change->moved_from;
		bool		is_lookup = change->op == BCD_OP_LOOKUP && change->key;
		BcdRemoval	removal = BCD_LEFT;

		if (known ? !list_member_int(feeds->locked, change->feed_id) : !feeds->complete)
			bcd_drain_leave(drain, i);
		else if (known && !is_key && !is_move && !is_lookup &&
				 (whole == NULL || !same_whole(whole, change)) &&
				 !fold_whole(whole = change))
			bcd_drain_leave(drain, i);
		else
			removal = bcd_drain_remove(drain, i);

		if (removal == BCD_LEFT)
		{
			feeds->left = list_append_unique_int(feeds->left, change->feed_id);
			whole = NULL;
		}
		if (removal != BCD_REMOVED)
			continue;
		removed++;
		change->counted = known && change->op != BCD_OP_MARK;
		if (known && is_key)
			arrays_add(keys, change);
		else if (known && is_move)
			arrays_add(moves, change);
		else if (known && is_lookup)
			arrays_add(lookups, change);
	}
	return removed;
}

/* Were there changed keys whose links had not moved, when this was last asked? */
static bool moves_left;

/*
 * Moves up to about max_rows changes from bcdelta.change to bcdelta.pending.
 * Returns how many it took, plus the number of captured values that it looked
 * up; 0 means that there is nothing left to do.
 *
 * The caller provides a transaction for it, between bcd_tx_begin() and
 * bcd_tx_commit().
 */
int64
bcd_fold(long max_rows)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta fold",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BcdDrain   *drain = bcd_drain_read(max_rows);
	BcdFeeds	feeds = {0};
	BcdArrays	keys = {0};
	BcdArrays	moves = {0};
	BcdArrays	lookups = {0};
	int64		removed = 0;
	List	   *moving = NIL;
	List	   *waiting;
	ListCell   *lc;

	if (drain->nchanges > 0)
	{
		arrays_init(&keys, drain->nchanges);
		arrays_init(&moves, drain->nchanges);
		arrays_init(&lookups, drain->nchanges);
		lock_the_feeds(drain, &feeds);
		removed = remove_changes(drain, &feeds, &keys, &moves, &lookups);
		bcd_freeze_count(drain);
		fold_moves(&moves);
		fold_lookups(&lookups);
	}
	/* nearly always there are none, and every claim comes here */
	moves_left = bcd_moves_left();
	if (moves_left)
	{
		bcd_moves_delete_orphans();
		moving = bcd_feeds_moving();
	}
	fold_keys(&keys, moving != NIL);
	waiting = bcd_lookups_waiting();
	if (waiting != NIL)
		removed += bcd_run_lookups(waiting);
	foreach(lc, moving)
		if (drain->complete && !list_member_int(feeds.left, lfirst_int(lc)))
		bcd_moves_apply(lfirst_int(lc));
	if (removed > 0)
		BCD_DEBUG_POINT("folding");
	bcd_drain_end(drain);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return removed;
}

/*
 * Folds everything committed so far, in the current transaction.  Returns
 * whether there may be key changes whose links have not moved yet.
 */
bool
bcd_fold_now(void)
{
	while (bcd_fold(BCD_FOLD_ROWS) > 0)
		CHECK_FOR_INTERRUPTS();
	return moves_left;
}

/*
 * Returns whether the link of this key is about to come or go, because its row
 * has got another key.
 *
 * Must be checked after the source was read, so that the key change that made
 * the row look as it does is seen: for a claimed row without a link, before
 * anything is created, and for a row that is gone from the source, before
 * anything is deleted. If the result is true, the row has to become ready
 * again; it is handled once the link has moved.
 */
bool
bcd_fold_is_moving(int32 feed_id, const char *key)
{
	return bcd_fold_now() && bcd_moves_exist(feed_id, key);
}

PG_FUNCTION_INFO_V1(bcdelta_fold);

/*
 * For tests that have to fold at a moment of their choice: no SQL function of
 * the extension.  A superuser can create one:
 *     CREATE FUNCTION fold(bigint) RETURNS bigint LANGUAGE c AS 'bcdelta', 'bcdelta_fold';
 */
Datum
bcdelta_fold(PG_FUNCTION_ARGS)
{
	BcdRights	rights;
	int64		removed;

	bcd_spi_begin(&rights);
	removed = bcd_fold((long) PG_GETARG_INT64(0));
	bcd_spi_end(&rights);
	PG_RETURN_INT64(removed);
}
