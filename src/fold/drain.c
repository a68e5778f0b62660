/*
 * drain.c
 *		Takes each change out of bcdelta.change exactly once.
 *
 * Folded changes are deleted, but while an old snapshot exists, the dead
 * tuples stay. So the table is read by position: pages before "next" are
 * closed, which means that they are empty and will stay so, except for those
 * in the list of doubts (change_position.c). This is based on the following:
 *
 * - A writer puts tuples only into the last page or behind it, and holds a pin
 *   on the page from a moment at which it was the last one (see change.c).  A
 *   page is closed only when it is not the last one and nobody else has it
 *   pinned, both seen under the page's exclusive lock.  So a process that
 *   could still write into it would have pinned it later, and would then see
 *   that it is not the last page.
 * - A page is closed only when every tuple in it is dead, or deleted by this
 *   transaction.  A tuple of a transaction that is in progress, or has
 *   committed after our snapshot was taken, makes the page doubtful: it is
 *   read again once our snapshot no longer considers these transactions in
 *   progress, however long that takes.
 * - An empty page may have just been added by a process that is about to fill
 *   it; it stays doubtful until the table is truncated.
 * - If this transaction is rolled back, everything is forgotten and the table
 *   is read from its beginning, as it is when the worker starts.
 * - If somebody truncates or rewrites the table (it has vacuum_truncate off),
 *   positions are no longer valid.  PostgreSQL resets the target block of
 *   every backend then, for the same reason; we never insert, so ours serves
 *   as a mark that shows whether this has happened. If the mark is lost for
 *   another reason, this only costs time.
 *
 * Space is freed once all changes have been taken out: the table is truncated
 * as VACUUM does it, and only if the lock is free. Nobody waits for this,
 * because it is only done to a table whose turn is over (see change.h).
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/storage.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/guc.h"
#include "capture/change.h"
#include "fold/change_position.h"
#include "fold/drain.h"

/* A table smaller than this is not worth a truncation */
#define TRUNCATE_BLOCKS		128

static BcdTape tapes[BCD_CHANGE_TABLES];
static Snapshot snapshot;

/* The last subtransaction of this transaction that has read the tables */
static SubTransactionId read_in = InvalidSubTransactionId;

static void
forget_positions(void)
{
	int			i;

	for (i = 0; i < BCD_CHANGE_TABLES; i++)
		bcd_forget_position(&tapes[i]);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	int			i;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT)
		return;
	if (event == XACT_EVENT_ABORT && read_in != InvalidSubTransactionId)
		forget_positions();
	read_in = InvalidSubTransactionId;
	for (i = 0; i < BCD_CHANGE_TABLES; i++)
	{
		tapes[i].relation = NULL;
		tapes[i].removed = false;
	}
}

/* Subtransactions inside of the aborted one have higher numbers. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && read_in >= id)
		forget_positions();
}

/* Copies a tuple of the current page into the list of changes. */
static void
add_tuple(BcdDrain *drain, BcdTape *tape, HeapTuple tuple)
{
	if (drain->nchanges == drain->maxchanges)
	{
		drain->maxchanges *= 2;
		drain->changes = repalloc_huge(drain->changes, drain->maxchanges * sizeof(BcdChange));
	}
	drain->changes[drain->nchanges].table = tape - tapes;
	drain->changes[drain->nchanges].tid = tuple->t_self;
	/* taken apart later, without the page's lock */
	drain->changes[drain->nchanges].key = (char *) heap_copytuple(tuple);
	drain->nchanges++;
}

/*
 * Returns whether a tuple that our snapshot does not see is gone for good.
 *
 * If not, *xid is set to the transaction on which that depends.
 */
static bool
is_gone(HeapTuple tuple, Buffer buffer, TransactionId *xid)
{
	switch (HeapTupleSatisfiesVacuum(tuple, FirstNormalTransactionId, buffer))
	{
		case HEAPTUPLE_DEAD:
		case HEAPTUPLE_RECENTLY_DEAD:
			return true;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			*xid = HeapTupleHeaderGetUpdateXid(tuple->t_data);
			return TransactionIdIsCurrentTransactionId(*xid);
		case HEAPTUPLE_INSERT_IN_PROGRESS:
		case HEAPTUPLE_LIVE:
			*xid = HeapTupleHeaderGetXmin(tuple->t_data);
			return false;
	}
	return false;
}

/*
 * Reads the tuples of a page. Returns false if the page cannot be closed,
 * because of the transactions in *wait, if any.
 */
static bool
read_tuples(BcdDrain *drain, BcdTape *tape, Buffer buffer, BlockNumber block, BcdWait *wait)
{
	Page		page = BufferGetPage(buffer);
	OffsetNumber max;
	OffsetNumber n;
	bool		resolved = true;

	if (PageIsNew(page) || PageIsEmpty(page))
		return false;
	max = PageGetMaxOffsetNumber(page);
	for (n = FirstOffsetNumber; n <= max; n = OffsetNumberNext(n))
	{
		ItemId		item = PageGetItemId(page, n);
		HeapTupleData tuple;
		TransactionId xid = InvalidTransactionId;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(tape->relation);
		ItemPointerSet(&tuple.t_self, block, n);
		if (HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer))
			add_tuple(drain, tape, &tuple);
		else if (!is_gone(&tuple, buffer, &xid))
		{
			bcd_wait_for(wait, xid);
			resolved = false;
		}
	}
	return resolved;
}

/* Reads one page, and closes it or notes a doubt. */
static void
read_page(BcdDrain *drain, BcdTape *tape, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(tape->relation, block);
	BcdWait		wait = {0};
	bool		alone = false;
	bool		resolved;

	/* the last page stays open anyway, and its writers are not held up */
	if (block + 1 < tape->nblocks)
		alone = ConditionalLockBufferForCleanup(buffer);
	if (!alone)
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	resolved = read_tuples(drain, tape, buffer, block, &wait);
	UnlockReleaseBuffer(buffer);
	if (block + 1 < tape->nblocks && !(alone && resolved))
		bcd_add_doubt(tape, block, block, alone && wait.n <= BCD_MAX_XIDS ? &wait : &bcd_no_wait);
}

/* Reads doubtful pages whose transactions may have ended. */
static bool
read_doubts(BcdDrain *drain, BcdTape *tape, long max_rows)
{
	BcdDoubt   *doubts = tape->doubts;
	int			ndoubts = tape->ndoubts;
	int			i;

	if (ndoubts == 0)
		return true;
	tape->doubts = NULL;
	tape->ndoubts = tape->maxdoubts = 0;
	for (i = 0; i < ndoubts; i++)
	{
		BlockNumber block = doubts[i].first;

		if (bcd_waits(&doubts[i].wait, snapshot))
		{
			bcd_add_doubt(tape, block, doubts[i].last, &doubts[i].wait);
			continue;
		}
		for (; block <= doubts[i].last && drain->nchanges < max_rows; block++)
		{
			read_page(drain, tape, block);
			CHECK_FOR_INTERRUPTS();
		}
		if (block <= doubts[i].last)
		{
			bcd_add_doubt(tape, block, doubts[i].last, &bcd_no_wait);
			drain->complete = false;
		}
	}
	pfree(doubts);
	return drain->complete;
}

static char *
text_or_null(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? NULL : TextDatumGetCString(values[column - 1]);
}

/* Takes the tuples apart. */
static void
deform_changes(BcdDrain *drain)
{
	int			i;

	for (i = 0; i < drain->nchanges; i++)
	{
		BcdChange  *change = &drain->changes[i];
		HeapTuple	tuple = (HeapTuple) change->key;
		Datum		values[BCD_CHANGE_NATTS];
		bool		nulls[BCD_CHANGE_NATTS];

		/* an older version of the table has fewer columns */
		memset(nulls, true, sizeof(nulls));
		heap_deform_tuple(tuple, RelationGetDescr(tapes[change->table].relation), values, nulls);
		change->feed_id = DatumGetInt32(values[BCD_CHANGE_FEED_ID - 1]);
		change->op = DatumGetChar(values[BCD_CHANGE_OP - 1]);
		change->key = text_or_null(values, nulls, BCD_CHANGE_KEY);
		change->moved_from = text_or_null(values, nulls, BCD_CHANGE_MOVED_FROM);
		change->move_id = nulls[BCD_CHANGE_MOVE_ID - 1] ? 0 :
			DatumGetInt64(values[BCD_CHANGE_MOVE_ID - 1]);
		change->changed_at = DatumGetTimestampTz(values[BCD_CHANGE_CHANGED_AT - 1]);
		change->told = !nulls[BCD_CHANGE_DEPENDENCY_ID - 1];
		change->dependency_id = change->told ? DatumGetInt32(values[BCD_CHANGE_DEPENDENCY_ID - 1]) : 0;
		change->by_role = text_or_null(values, nulls, BCD_CHANGE_BY_ROLE);
		change->application = text_or_null(values, nulls, BCD_CHANGE_APPLICATION);
		change->counted = false;
		heap_freetuple(tuple);
	}
}

static void
begin_reading(void)
{
	static bool registered = false;
	Oid			relids[BCD_CHANGE_TABLES];
	int			i;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	bcd_change_relids(relids);
	for (i = 0; i < BCD_CHANGE_TABLES; i++)
		tapes[i].relation = table_open(relids[i], RowExclusiveLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	for (i = 0; i < BCD_CHANGE_TABLES; i++)
	{
		BcdTape    *tape = &tapes[i];

		/*
		 * the relation's size is read after the snapshot was taken, so it
		 * includes every tuple that the snapshot sees
		 */
		tape->nblocks = RelationGetNumberOfBlocks(tape->relation);
		if (RelationGetTargetBlock(tape->relation) != 0 || tape->next > tape->nblocks)
			bcd_forget_position(tape);
		RelationSetTargetBlock(tape->relation, 0);
	}
	read_in = GetCurrentSubTransactionId();
}

static void
read_table(BcdDrain *drain, BcdTape *tape, long max_rows)
{
	int			nchanges = drain->nchanges;
	BlockNumber block;

	tape->empty = false;
	if (!read_doubts(drain, tape, max_rows))
		return;
	for (block = tape->next; block < tape->nblocks && drain->nchanges < max_rows; block++)
	{
		read_page(drain, tape, block);
		CHECK_FOR_INTERRUPTS();
	}
	if (block < tape->nblocks)
		drain->complete = false;
	else
		tape->empty = drain->nchanges == nchanges;
	tape->next = Min(block, tape->nblocks > 0 ? tape->nblocks - 1 : 0);
}

/*
 * Reads about max_rows changes, or all there are, in no particular order.
 *
 * The caller removes the changes that it has processed, or leaves them in the
 * table, and then calls bcd_drain_end().
 */
BcdDrain *
bcd_drain_read(long max_rows)
{
	BcdDrain   *drain = palloc0(sizeof(BcdDrain));
	int			i;

	begin_reading();
	drain->maxchanges = 1024;
	drain->changes = palloc(drain->maxchanges * sizeof(BcdChange));
	drain->complete = true;
	for (i = 0; i < BCD_CHANGE_TABLES; i++)
		read_table(drain, &tapes[i], max_rows);
	deform_changes(drain);
	return drain;
}

/* Leaves a change in the table: its page is read again next time. */
void
bcd_drain_leave(BcdDrain *drain, int i)
{
	BcdTape    *tape = &tapes[drain->changes[i].table];
	BlockNumber block = ItemPointerGetBlockNumber(&drain->changes[i].tid);

	bcd_remove_doubt(tape, block);
	if (block < tape->next)
		bcd_add_doubt(tape, block, block, &bcd_no_wait);
}

/*
 * Removes a change, which the caller then folds, unless another session has
 * removed it or is about to.
 */
BcdRemoval
bcd_drain_remove(BcdDrain *drain, int i)
{
	BcdTape    *tape = &tapes[drain->changes[i].table];
	TM_FailureData failure;

	switch (heap_delete(tape->relation, &drain->changes[i].tid, GetCurrentCommandId(true),
						InvalidSnapshot, false, &failure, false))
	{
		case TM_Ok:
			tape->removed = true;
			return BCD_REMOVED;
		case TM_BeingModified:
			bcd_drain_leave(drain, i);
			return BCD_LEFT;
		default:
			return BCD_GONE;
	}
}

/* Returns whether these pages contain nothing that is needed now or later. */
static bool
pages_are_empty(BcdTape *tape, BlockNumber first, BlockNumber end)
{
	BlockNumber block;

	for (block = first; block < end; block++)
	{
		BcdDrain	found = {0};
		Buffer		buffer = ReadBuffer(tape->relation, block);
		BcdWait		wait = {0};
		bool		empty;

		found.maxchanges = 1;
		found.changes = palloc(sizeof(BcdChange));
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		empty = PageIsNew(BufferGetPage(buffer)) || PageIsEmpty(BufferGetPage(buffer)) ||
			(read_tuples(&found, tape, buffer, block, &wait) && found.nchanges == 0);
		UnlockReleaseBuffer(buffer);
		if (!empty)
			return false;
	}
	return true;
}

/*
 * Frees all space of a table if nothing is left in it. Nobody can write to it
 * in the meantime, so all of its writers have ended.
 */
static void
truncate_empty(BcdTape *tape)
{
	bool		empty;
	int			i;

	if (!ConditionalLockRelation(tape->relation, AccessExclusiveLock))
		return;
	empty = pages_are_empty(tape, tape->next, RelationGetNumberOfBlocks(tape->relation));
	for (i = 0; i < tape->ndoubts && empty; i++)
		empty = pages_are_empty(tape, tape->doubts[i].first, tape->doubts[i].last + 1);
	if (empty)
	{
		RelationTruncate(tape->relation, 0);
		/* or the statistics would show ever more dead rows */
		pgstat_count_truncate(tape->relation);
		bcd_forget_position(tape);
	}
	UnlockRelation(tape->relation, AccessExclusiveLock);
}

/* Returns whether this table is neither being written nor next in turn. */
static bool
is_resting(const BcdTape *tape)
{
	TimestampTz now = GetCurrentTimestamp();

	return tape != &tapes[bcd_change_table(now)] &&
		tape != &tapes[bcd_change_table(now + bcd_change_turn * USECS_PER_SEC)];
}

/* Ends the reading that bcd_drain_read() began. */
void
bcd_drain_end(BcdDrain *drain)
{
	int			i;

	for (i = 0; i < BCD_CHANGE_TABLES; i++)
	{
		BcdTape    *tape = &tapes[i];

		/*
		 * changes that this transaction has removed come back if it is rolled
		 * back
		 */
		if (tape->empty && !tape->removed && tape->nblocks >= TRUNCATE_BLOCKS && is_resting(tape))
			truncate_empty(tape);
		table_close(tape->relation, NoLock);
		tape->relation = NULL;
	}
	UnregisterSnapshot(snapshot);
}
