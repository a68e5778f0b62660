/*
 * drain.c
 *		Taking changes out of bcdelta.change, each once.
 *
 * What has been folded is deleted, but with an old snapshot about, the dead
 * tuples stay.  So the table is read by position: pages before "next" are
 * closed, there is nothing in them and nothing will ever be, except for those
 * in the list of doubts.  This is what it stands on:
 *
 * - A writer puts tuples only into the last page or behind it, and holds a
 *   pin on the page from a moment at which it was the last one (see
 *   change.c).  A page is closed only when it is not the last one and nobody
 *   else has it pinned, both seen under the page's exclusive lock.  So
 *   whoever might still write into it would have to have pinned it later, and
 *   would then see that it is not the last page.
 * - A page is closed only when every tuple in it is dead, or deleted by this
 *   transaction.  A tuple of a transaction that is in progress, or has
 *   committed after our snapshot was taken, makes the page doubtful: it is
 *   read again once our snapshot no longer takes that transaction for being
 *   in progress, however long that takes.
 * - An empty page may be one that somebody has just added and is about to
 *   fill; it stays doubtful until the table is truncated.
 * - If this transaction aborts, everything is forgotten and the table is read
 *   from its beginning; so it is when the worker starts.
 * - Should the table be truncated or rewritten by somebody (it has
 *   vacuum_truncate off), positions mean nothing any more.  PostgreSQL resets
 *   the target block of every backend then, for the same reason; we never
 *   insert, so ours serves as a mark that says whether that has happened.
 *   That the mark gets lost on other occasions only costs time.
 *
 * Space is given back when all pages are closed: the table is truncated like
 * VACUUM does it, and only if the lock is free.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/storage.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "bcdelta.h"
#include "change.h"
#include "compat.h"
#include "drain.h"

/* A table smaller than this is not worth a truncation */
#define TRUNCATE_BLOCKS		1024

/* Pages to be read again; xid is what they wait for, if anything */
typedef struct BcdDoubt
{
	BlockNumber first;
	BlockNumber last;
	TransactionId xid;
} BcdDoubt;

/* How far the table has been read; in TopMemoryContext */
static struct
{
	bool		changed;		/* in this transaction */
	BlockNumber next;			/* pages before are closed or doubtful */
	int			ndoubts;
	int			maxdoubts;
	BcdDoubt   *doubts;			/* they do not overlap */
}			position;

/* Reading in progress */
static Relation relation = NULL;
static Snapshot snapshot;
static BlockNumber nblocks;

static void
forget_position(void)
{
	position.next = 0;
	position.ndoubts = 0;
	position.changed = false;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT && position.changed)
		forget_position();
	if (event == XACT_EVENT_COMMIT)
		position.changed = false;
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
		relation = NULL;
}

/* Notes pages to be read again, in no particular order. */
static void
add_doubt(BlockNumber first, BlockNumber last, TransactionId xid)
{
	BcdDoubt   *latest = &position.doubts[position.ndoubts - 1];

	if (position.ndoubts > 0 && latest->last + 1 == first && latest->xid == xid)
	{
		latest->last = last;
		return;
	}
	if (position.ndoubts == position.maxdoubts)
	{
		int			wanted = Max(position.maxdoubts * 2, 16);
		Size		bytes = wanted * sizeof(BcdDoubt);

		position.doubts = position.doubts ? repalloc_huge(position.doubts, bytes) :
			MemoryContextAllocHuge(TopMemoryContext, bytes);
		position.maxdoubts = wanted;
	}
	position.doubts[position.ndoubts].first = first;
	position.doubts[position.ndoubts].last = last;
	position.doubts[position.ndoubts].xid = xid;
	position.ndoubts++;
}

/* Takes a page out of the doubts, if it is there. */
static void
remove_doubt(BlockNumber block)
{
	int			i;

	for (i = 0; i < position.ndoubts; i++)
	{
		BcdDoubt	doubt = position.doubts[i];

		if (block < doubt.first || block > doubt.last)
			continue;
		position.doubts[i] = position.doubts[--position.ndoubts];
		if (doubt.first < block)
			add_doubt(doubt.first, block - 1, doubt.xid);
		if (doubt.last > block)
			add_doubt(block + 1, doubt.last, doubt.xid);
		return;
	}
}

/* Copies a tuple of the page at hand into the list of changes. */
static void
add_tuple(BcdDrain *drain, HeapTuple tuple)
{
	if (drain->nchanges == drain->maxchanges)
	{
		drain->maxchanges *= 2;
		drain->changes = repalloc_huge(drain->changes, drain->maxchanges * sizeof(BcdChange));
	}
	drain->changes[drain->nchanges].tid = tuple->t_self;
	/* taken apart later, without the page's lock */
	drain->changes[drain->nchanges].key = (char *) heap_copytuple(tuple);
	drain->nchanges++;
}

/*
 * A tuple that our snapshot does not see: is it gone for good?
 *
 * If not, *xid is the transaction on which that depends.
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

/* Reads the tuples of a page; false when the page cannot be closed. */
static bool
read_tuples(BcdDrain *drain, Buffer buffer, BlockNumber block, TransactionId *xid)
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
		TransactionId its_xid = InvalidTransactionId;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(relation);
		ItemPointerSet(&tuple.t_self, block, n);
		if (HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer))
			add_tuple(drain, &tuple);
		else if (!is_gone(&tuple, buffer, &its_xid))
		{
			*xid = its_xid;
			resolved = false;
		}
	}
	return resolved;
}

/* Reads one page, and closes it or notes a doubt. */
static void
read_page(BcdDrain *drain, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(relation, block);
	TransactionId xid = InvalidTransactionId;
	bool		alone = false;
	bool		resolved;

	/* the last page stays open anyway, and its writers are not held up */
	if (block + 1 < nblocks)
		alone = ConditionalLockBufferForCleanup(buffer);
	if (!alone)
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	resolved = read_tuples(drain, buffer, block, &xid);
	UnlockReleaseBuffer(buffer);
	if (block + 1 < nblocks && !(alone && resolved))
		add_doubt(block, block, alone ? xid : InvalidTransactionId);
}

/* Reads what was doubtful and may be clear by now. */
static bool
read_doubts(BcdDrain *drain, long max_rows)
{
	BcdDoubt   *doubts = position.doubts;
	int			ndoubts = position.ndoubts;
	int			i;

	if (ndoubts == 0)
		return true;
	position.doubts = NULL;
	position.ndoubts = position.maxdoubts = 0;
	for (i = 0; i < ndoubts; i++)
	{
		bool		wait = TransactionIdIsValid(doubts[i].xid) &&
		XidInMVCCSnapshot(doubts[i].xid, snapshot);
		BlockNumber block = doubts[i].first;

		if (wait)
		{
			add_doubt(block, doubts[i].last, doubts[i].xid);
			continue;
		}
		for (; block <= doubts[i].last && drain->nchanges < max_rows; block++)
		{
			read_page(drain, block);
			CHECK_FOR_INTERRUPTS();
		}
		if (block <= doubts[i].last)
		{
			add_doubt(block, doubts[i].last, InvalidTransactionId);
			drain->complete = false;
		}
	}
	pfree(doubts);
	return drain->complete;
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

		heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
		change->feed_id = DatumGetInt32(values[BCD_CHANGE_FEED_ID - 1]);
		change->op = DatumGetChar(values[BCD_CHANGE_OP - 1]);
		change->key = nulls[BCD_CHANGE_KEY - 1] ? NULL :
			TextDatumGetCString(values[BCD_CHANGE_KEY - 1]);
		change->moved_from = nulls[BCD_CHANGE_MOVED_FROM - 1] ? NULL :
			TextDatumGetCString(values[BCD_CHANGE_MOVED_FROM - 1]);
		change->move_id = nulls[BCD_CHANGE_MOVE_ID - 1] ? 0 :
			DatumGetInt64(values[BCD_CHANGE_MOVE_ID - 1]);
		change->changed_at = DatumGetTimestampTz(values[BCD_CHANGE_CHANGED_AT - 1]);
		heap_freetuple(tuple);
	}
}

static void
begin_reading(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		registered = true;
	}
	relation = table_open(bcd_change_relid(), RowExclusiveLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	/* after the snapshot: a tuple that it sees is in one of these pages */
	nblocks = RelationGetNumberOfBlocks(relation);
	if (RelationGetTargetBlock(relation) != 0 || position.next > nblocks)
		forget_position();
	RelationSetTargetBlock(relation, 0);
	position.changed = true;
}

/*
 * Reads about max_rows changes, or all there are, in no particular order.
 *
 * The caller removes those it has dealt with, or leaves them, and then calls
 * bcd_drain_end().
 */
BcdDrain *
bcd_drain_read(long max_rows)
{
	BcdDrain   *drain = palloc0(sizeof(BcdDrain));

	begin_reading();
	drain->maxchanges = 1024;
	drain->changes = palloc(drain->maxchanges * sizeof(BcdChange));
	drain->complete = true;
	if (read_doubts(drain, max_rows))
	{
		BlockNumber block = position.next;

		for (; block < nblocks && drain->nchanges < max_rows; block++)
		{
			read_page(drain, block);
			CHECK_FOR_INTERRUPTS();
		}
		drain->complete = (block >= nblocks);
		position.next = Min(block, nblocks > 0 ? nblocks - 1 : 0);
	}
	deform_changes(drain);
	return drain;
}

/* Leaves a change in the table: its page is read again next time. */
void
bcd_drain_leave(BcdDrain *drain, int i)
{
	BlockNumber block = ItemPointerGetBlockNumber(&drain->changes[i].tid);

	remove_doubt(block);
	if (block < position.next)
		add_doubt(block, block, InvalidTransactionId);
}

/*
 * Removes a change, which is then to be folded, unless somebody else has
 * removed it or is about to.
 */
BcdRemoval
bcd_drain_remove(BcdDrain *drain, int i)
{
	TM_FailureData failure;

	switch (heap_delete(relation, &drain->changes[i].tid, GetCurrentCommandId(true),
						InvalidSnapshot, false, &failure, false))
	{
		case TM_Ok:
			return BCD_REMOVED;
		case TM_BeingModified:
			bcd_drain_leave(drain, i);
			return BCD_LEFT;
		default:
			return BCD_GONE;
	}
}

/* Is there nothing in these pages that is needed, or may come to be? */
static bool
pages_are_empty(BlockNumber first, BlockNumber end)
{
	BlockNumber block;

	for (block = first; block < end; block++)
	{
		BcdDrain	found = {0};
		Buffer		buffer = ReadBuffer(relation, block);
		TransactionId xid;
		bool		empty;

		found.maxchanges = 1;
		found.changes = palloc(sizeof(BcdChange));
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		empty = PageIsNew(BufferGetPage(buffer)) || PageIsEmpty(BufferGetPage(buffer)) ||
			(read_tuples(&found, buffer, block, &xid) && found.nchanges == 0);
		UnlockReleaseBuffer(buffer);
		if (!empty)
			return false;
	}
	return true;
}

/*
 * Gives all space back, if nothing is left in the table.  Nobody can write to
 * it meanwhile, so everybody who did has ended.
 */
static void
truncate_empty(void)
{
	bool		empty;
	int			i;

	if (!ConditionalLockRelation(relation, AccessExclusiveLock))
		return;
	empty = pages_are_empty(position.next, RelationGetNumberOfBlocks(relation));
	for (i = 0; i < position.ndoubts && empty; i++)
		empty = pages_are_empty(position.doubts[i].first, position.doubts[i].last + 1);
	if (empty)
	{
		RelationTruncate(relation, 0);
		forget_position();
	}
	UnlockRelation(relation, AccessExclusiveLock);
}

/* Ends reading. */
void
bcd_drain_end(BcdDrain *drain)
{
	if (drain->complete && drain->nchanges == 0 && nblocks >= TRUNCATE_BLOCKS)
		truncate_empty();
	UnregisterSnapshot(snapshot);
	table_close(relation, NoLock);
	relation = NULL;
}
