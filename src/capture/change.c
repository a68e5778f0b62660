/*
 * change.c
 *		Appends to bcdelta.change.
 *
 * This runs inside the transactions of the source: it takes no lock that
 * another session waits for, checks no rights and evaluates nothing. The table
 * has no index, so a change costs only its share of a heap page.
 *
 * fold.c relies on this: a tuple goes into the last page of the table or into
 * a new one, never into an earlier page, even if that has space. So pages
 * before the last one can be folded once and for all.  The page must be the
 * last one at a moment at which we hold a pin on it: bcd_fold() leaves a page
 * for later while another process has it pinned, and once it has closed a
 * page, there is a later one, which the check here would see.
 *
 * heap_insert() and heap_multi_insert() comply with this if they get no
 * BulkInsertState and no free space map: they take the relation's target
 * block, which is set here, or extend the table by one page and make that
 * their target.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/extension.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "capture/change.h"
#include "capture/writer.h"

/* Written together: this number of tuples, or about this number of bytes */
#define MAX_TUPLES		1000
#define MAX_BYTES		(64 * 1024)

/*
 * The positions of the columns in a tuple that has a key, is not a move, and
 * does not tell who made it: the last columns are left out, and so null
 */
#define NATTS			BCD_CHANGE_CHANGED_AT
#define DATA_OFFSET		MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(NATTS))
#define OP_OFFSET		sizeof(int32)
#define KEY_OFFSET		(OP_OFFSET + 1)
#define NOT_NULL		(1 << (BCD_CHANGE_FEED_ID - 1) | 1 << (BCD_CHANGE_OP - 1) | \
						 1 << (BCD_CHANGE_KEY - 1) | 1 << (BCD_CHANGE_CHANGED_AT - 1))

struct BcdChanges
{
	MemoryContext cxt;
	Relation	relation;
	MemoryContext scratch;		/* of heap_multi_insert(), in bulk */
	int32		feed_id;
	int64		move_id;		/* 0: none drawn yet */
	TimestampTz changed_at;
	bool		frozen;			/* nobody should change the source */
	bool		told;			/* the tuples tell who made the changes */
	int32		dependency_id;
	text	   *by_role;
	text	   *application;
	int			ntuples;
	char	   *tuples;			/* one behind the other; of MAX_BYTES in bulk */
	Size		used;
	Size		size;
	int			nslots;			/* in bulk */
	TupleTableSlot **slots;
	TupleDesc	desc;			/* theirs */
};

static const char *const table_names[BCD_CHANGE_TABLES] = {"change", "change_1", "change_2"};

/* Remembered until something changes them */
static Oid	table_relids[BCD_CHANGE_TABLES];
static Oid	move_id_relid = InvalidOid;

static void
forget_relids(Datum arg, Oid relid)
{
	bool		ours = !OidIsValid(relid) || relid == move_id_relid;
	int			i;

	for (i = 0; i < BCD_CHANGE_TABLES; i++)
		ours = ours || relid == table_relids[i];
	if (!ours)
		return;
	memset(table_relids, 0, sizeof(table_relids));
	move_id_relid = InvalidOid;
}

static Oid
our_relid(const char *name)
{
	Oid			schema = get_namespace_oid(BCD_EXTENSION, true);
	Oid			relid;

	if (!OidIsValid(schema))
		schema = bcd_extension_schema();	/* it was renamed */
	relid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", BCD_EXTENSION, name),
				 errhint("Drop and create extension %s, or drop the trigger.", BCD_EXTENSION)));
	return relid;
}

/* The table of the ring for changes made at this time */
int
bcd_change_table(TimestampTz at)
{
	int64		turn = at / (bcd_change_turn * USECS_PER_SEC) % BCD_CHANGE_TABLES;

	return (int) (turn < 0 ? turn + BCD_CHANGE_TABLES : turn);
}

/* The OID of a table of the ring. */
static Oid
table_relid(int table)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_relids, (Datum) 0);
		registered = true;
	}
	if (!OidIsValid(table_relids[table]))
		table_relids[table] = our_relid(table_names[table]);
	return table_relids[table];
}

/* Reads the OIDs of all tables of the ring. */
void
bcd_change_relids(Oid *relids)
{
	int			i;

	for (i = 0; i < BCD_CHANGE_TABLES; i++)
		relids[i] = table_relid(i);
}

/* The transaction that began to append changes last */
static TransactionId captured_by = InvalidTransactionId;

/*
 * Has the current transaction captured changes? Changes that it has rolled
 * back also count.
 */
bool
bcd_captured_here(void)
{
	return TransactionIdIsValid(captured_by) && captured_by == GetTopTransactionIdIfAny();
}

static int64
next_move_id(void)
{
	if (!OidIsValid(move_id_relid))
		move_id_relid = our_relid("change_move_id_seq");
	return nextval_internal(move_id_relid, false);
}

/*
 * Begins to append changes of a feed, all with the current time.
 *
 * Everything allocated is below the current memory context.
 */
BcdChanges *
bcd_changes_begin(int32 feed_id)
{
	BcdChanges *changes = palloc0(sizeof(BcdChanges));

	captured_by = GetTopTransactionId();
	changes->frozen = bcd_captured(feed_id);
	changes->cxt = CurrentMemoryContext;
	changes->feed_id = feed_id;
	changes->changed_at = GetCurrentTimestamp();
	changes->relation = table_open(table_relid(bcd_change_table(changes->changed_at)),
								   RowExclusiveLock);
	return changes;
}

/*
 * The same for changes that a trigger captures, of the feed's source or of a
 * table that it depends on.  They tell who made them if nobody should.
 */
BcdChanges *
bcd_changes_captured(int32 feed_id, int32 dependency_id)
{
	BcdChanges *changes = bcd_changes_begin(feed_id);

	changes->told = changes->frozen;
	if (changes->told)
	{
		changes->dependency_id = dependency_id;
		changes->by_role = bcd_writer_role();
		changes->application = bcd_writer_application();
	}
	return changes;
}

/*
 * Points the relation's insertions at its last page, and pins that page.
 *
 * Returns InvalidBuffer when there is none yet.
 */
static Buffer
aim_at_last_page(Relation relation)
{
	for (;;)
	{
		BlockNumber nblocks = RelationGetNumberOfBlocks(relation);
		Buffer		buffer;

		if (nblocks == 0)
		{
			RelationSetTargetBlock(relation, InvalidBlockNumber);
			return InvalidBuffer;
		}
		buffer = ReadBuffer(relation, nblocks - 1);
		if (RelationGetNumberOfBlocks(relation) == nblocks)
		{
			RelationSetTargetBlock(relation, nblocks - 1);
			return buffer;
		}
		/* somebody extended the table before we had the pin */
		ReleaseBuffer(buffer);
	}
}

/* The next tuple in the buffer */
static inline HeapTuple
tuple_after(HeapTuple tuple)
{
	return (HeapTuple) ((char *) tuple + MAXALIGN(HEAPTUPLESIZE + tuple->t_len));
}

/*
 * Puts the tuples into slots, as heap_multi_insert() wants them.
 *
 * The memory is the buffer's.  The slots are told that they own their tuples,
 * else every one of them would be copied.
 */
static void
fill_slots(BcdChanges *changes)
{
	HeapTuple	tuple = (HeapTuple) changes->tuples;
	int			i;

	if (changes->slots == NULL)
	{
		changes->slots = palloc(MAX_TUPLES * sizeof(TupleTableSlot *));
		/* a copy has no reference count, which takes time with many slots */
		changes->desc = CreateTupleDescCopy(RelationGetDescr(changes->relation));
	}
	for (i = 0; i < changes->ntuples; i++, tuple = tuple_after(tuple))
	{
		HeapTupleTableSlot *slot;

		if (i == changes->nslots)
			changes->slots[changes->nslots++] =
				MakeSingleTupleTableSlot(changes->desc, &TTSOpsHeapTuple);
		slot = (HeapTupleTableSlot *) changes->slots[i];
		slot->tuple = tuple;
		slot->base.tts_flags &= ~TTS_FLAG_EMPTY;
		slot->base.tts_flags |= TTS_FLAG_SHOULDFREE;
	}
}

static void
empty_slots(BcdChanges *changes)
{
	int			i;

	for (i = 0; i < changes->ntuples; i++)
	{
		changes->slots[i]->tts_flags &= ~TTS_FLAG_SHOULDFREE;
		changes->slots[i]->tts_flags |= TTS_FLAG_EMPTY;
	}
}

static void
insert_many(BcdChanges *changes)
{
	MemoryContext old;

	fill_slots(changes);
	/* heap_multi_insert() leaves things behind */
	if (changes->scratch == NULL)
		changes->scratch = AllocSetContextCreate(changes->cxt, "bcdelta changes",
												 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(changes->scratch);
	heap_multi_insert(changes->relation, changes->slots, changes->ntuples,
					  GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM, NULL);
	MemoryContextSwitchTo(old);
	MemoryContextReset(changes->scratch);
	empty_slots(changes);
}

static void
write_tuples(BcdChanges *changes)
{
	Buffer		last;

	if (changes->ntuples == 0)
		return;
	last = aim_at_last_page(changes->relation);
	if (changes->ntuples == 1)
		heap_insert(changes->relation, (HeapTuple) changes->tuples,
					GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM, NULL);
	else
		insert_many(changes);
	if (BufferIsValid(last))
		ReleaseBuffer(last);
	changes->ntuples = 0;
	changes->used = 0;
}

/* Space for a tuple; earlier tuples may have to be written first. */
static HeapTuple
new_tuple(BcdChanges *changes, Size len)
{
	Size		bytes = MAXALIGN(HEAPTUPLESIZE + len);
	HeapTuple	tuple;

	if (changes->ntuples == MAX_TUPLES || changes->used + bytes > changes->size)
	{
		write_tuples(changes);
		if (changes->size < MAX_BYTES || changes->size < bytes)
		{
			/* a single row needs little */
			changes->size = Max(changes->tuples ? MAX_BYTES : 512, bytes);
			if (changes->tuples)
				pfree(changes->tuples);
			changes->tuples = palloc(changes->size);
		}
	}
	tuple = (HeapTuple) (changes->tuples + changes->used);
	changes->ntuples++;
	changes->used += bytes;
	tuple->t_len = len;
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	tuple->t_tableOid = InvalidOid;
	ItemPointerSetInvalid(&tuple->t_self);
	return tuple;
}

/*
 * The common case, laid out by hand: heap_form_tuple() would account for a
 * third of the cost of capturing a row.
 */
static void
add_change(BcdChanges *changes, char op, const char *key, Size key_len)
{
	Size		at_offset = TYPEALIGN(ALIGNOF_DOUBLE, KEY_OFFSET + VARHDRSZ_SHORT + key_len);
	HeapTuple	tuple = new_tuple(changes, DATA_OFFSET + at_offset + sizeof(TimestampTz));
	HeapTupleHeader header = tuple->t_data;
	char	   *data = (char *) header + DATA_OFFSET;

	memset(header, 0, DATA_OFFSET);
	ItemPointerSetInvalid(&header->t_ctid);
	HeapTupleHeaderSetNatts(header, NATTS);
	header->t_infomask = HEAP_HASNULL | HEAP_HASVARWIDTH;
	header->t_hoff = DATA_OFFSET;
	header->t_bits[0] = NOT_NULL;
	*(int32 *) data = changes->feed_id;
	data[OP_OFFSET] = op;
	SET_VARSIZE_SHORT(data + KEY_OFFSET, VARHDRSZ_SHORT + key_len);
	memcpy(data + KEY_OFFSET + VARHDRSZ_SHORT, key, key_len);
	memset(data + KEY_OFFSET + VARHDRSZ_SHORT + key_len, 0,
		   at_offset - (KEY_OFFSET + VARHDRSZ_SHORT + key_len));
	*(TimestampTz *) (data + at_offset) = changes->changed_at;
}

/* Every other case */
static void
add_any(BcdChanges *changes, char op, text *key, text *moved_from)
{
	Datum		values[BCD_CHANGE_NATTS];
	bool		nulls[BCD_CHANGE_NATTS] = {false};
	HeapTuple	formed;
	HeapTuple	tuple;

	values[BCD_CHANGE_FEED_ID - 1] = Int32GetDatum(changes->feed_id);
	values[BCD_CHANGE_OP - 1] = CharGetDatum(op);
	values[BCD_CHANGE_KEY - 1] = PointerGetDatum(key);
	nulls[BCD_CHANGE_KEY - 1] = (key == NULL);
	values[BCD_CHANGE_MOVED_FROM - 1] = PointerGetDatum(moved_from);
	nulls[BCD_CHANGE_MOVED_FROM - 1] = (moved_from == NULL);
	values[BCD_CHANGE_MOVE_ID - 1] = Int64GetDatum(changes->move_id);
	nulls[BCD_CHANGE_MOVE_ID - 1] = (moved_from == NULL);
	values[BCD_CHANGE_CHANGED_AT - 1] = TimestampTzGetDatum(changes->changed_at);
	values[BCD_CHANGE_DEPENDENCY_ID - 1] = Int32GetDatum(changes->dependency_id);
	nulls[BCD_CHANGE_DEPENDENCY_ID - 1] = !changes->told;
	values[BCD_CHANGE_BY_ROLE - 1] = PointerGetDatum(changes->by_role);
	nulls[BCD_CHANGE_BY_ROLE - 1] = (changes->by_role == NULL);
	values[BCD_CHANGE_APPLICATION - 1] = PointerGetDatum(changes->application);
	nulls[BCD_CHANGE_APPLICATION - 1] = (changes->application == NULL);
	formed = heap_form_tuple(RelationGetDescr(changes->relation), values, nulls);
	tuple = new_tuple(changes, formed->t_len);
	memcpy(tuple->t_data, formed->t_data, formed->t_len);
	heap_freetuple(formed);
}

/* A change without a second key; key is NULL for some ops. */
void
bcd_changes_add(BcdChanges *changes, char op, text *key)
{
	MemoryContext old = MemoryContextSwitchTo(changes->cxt);

	if (key && VARATT_CAN_MAKE_SHORT(key) && !changes->told)
		add_change(changes, op, VARDATA(key), VARSIZE(key) - VARHDRSZ);
	else
		add_any(changes, op, key, NULL);
	MemoryContextSwitchTo(old);
}

/*
 * A changed key.  All key changes of a statement get the same number, drawn
 * while the statement's row locks are held, so that changes that build on each
 * other are in the order of their numbers.
 */
void
bcd_changes_add_move(BcdChanges *changes, text *key, text *moved_from)
{
	MemoryContext old = MemoryContextSwitchTo(changes->cxt);

	if (changes->move_id == 0)
		changes->move_id = next_move_id();
	add_any(changes, BCD_OP_MOVE, key, moved_from);
	MemoryContextSwitchTo(old);
}

/* Writes what is left. */
void
bcd_changes_end(BcdChanges *changes)
{
	int			i;

	write_tuples(changes);
	for (i = 0; i < changes->nslots; i++)
		ExecDropSingleTupleTableSlot(changes->slots[i]);
	table_close(changes->relation, NoLock);
}

/*
 * Texts are built in a StringInfo whose first bytes are reserved for the
 * length, so that nothing is copied.
 */
void
bcd_text_begin(StringInfo buffer)
{
	buffer->len = VARHDRSZ;
}

text *
bcd_text_end(StringInfo buffer)
{
	SET_VARSIZE(buffer->data, buffer->len);
	return (text *) buffer->data;
}
