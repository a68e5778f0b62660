/*
 * capture.c
 *		The trigger function: which rows a statement has changed.
 *
 * It runs inside the source's transactions and must be cheap and must not
 * fail.  It looks at nothing but the trigger's arguments, the relation's
 * descriptor and the rows themselves; whether a feed is paused, broken or
 * gone is the worker's business.  What the arguments and the descriptor say
 * is worked out once per trigger and backend, until the relation changes.
 *
 * Arguments: the feed's id, the number of key columns, their names, and the
 * names of the columns that the mapping depends on (none: all columns).
 *
 * A statement trigger sees all rows of a statement in transition tables, in
 * the order in which they were changed: the n-th old row has become the n-th
 * new row.  That is so unless a BEFORE trigger of a partition has thrown away
 * a row that was moving there: then there are more old rows than new ones.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "bcdelta.h"
#include "change.h"
#include "compat.h"
#include "keytext.h"

/* What has to be known of a column to find it in a tuple and to compare it */
typedef struct BcdColumn
{
	int16		len;
	bool		byval;
	char		align;
	bool		compared;		/* matters to the mapping */
	bool		key;
} BcdColumn;

/* What a trigger has to do; everything below cxt */
typedef struct BcdCapture
{
	Oid			trigger;		/* hash key */
	Oid			relid;
	bool		valid;
	MemoryContext cxt;
	int32		feed_id;
	int			nkeys;
	AttrNumber *keys;			/* NULL: a key column is not there any more */
	BcdKeyText *keytext;
	BcdColumn  *columns;
	int			last_key;		/* columns up to here are needed for the key */
	int			last_compared;	/* and up to here to compare */
} BcdCapture;

/* One call of the trigger */
typedef struct BcdCall
{
	const BcdCapture *capture;
	BcdChanges *changes;		/* NULL until something has changed */
	MemoryContext scratch;		/* reset for every row */
	int			guc_level;
	StringInfoData key;
	StringInfoData old_key;
} BcdCall;

PG_FUNCTION_INFO_V1(bcdelta_capture);

static HTAB *captures = NULL;

static void
invalidate(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	BcdCapture *capture;

	hash_seq_init(&seq, captures);
	while ((capture = hash_seq_search(&seq)) != NULL)
	{
		if (!OidIsValid(relid) || capture->relid == relid)
			capture->valid = false;
	}
}

static void
create_captures(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(BcdCapture);
	captures = hash_create("bcdelta captures", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

static void
protocol_violated(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"bcdelta.capture\" %s", problem),
			 errhint("Its triggers are created by bcdelta.track().")));
}

static AttrNumber
column_number(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return i + 1;
	}
	return InvalidAttrNumber;
}

static void
add_compared(BcdCapture *capture, AttrNumber attnum)
{
	capture->columns[attnum - 1].compared = true;
	capture->last_compared = Max(capture->last_compared, attnum);
}

/* Looks up the key columns; leaves keys NULL when one is missing. */
static void
find_keys(BcdCapture *capture, TupleDesc desc, char **names)
{
	AttrNumber *keys = palloc(sizeof(AttrNumber) * capture->nkeys);
	Oid		   *types = palloc(sizeof(Oid) * capture->nkeys);
	int			i;

	for (i = 0; i < capture->nkeys; i++)
	{
		keys[i] = column_number(desc, names[i]);
		if (keys[i] == InvalidAttrNumber)
			return;
		types[i] = TupleDescAttr(desc, keys[i] - 1)->atttypid;
		capture->last_key = Max(capture->last_key, keys[i]);
		capture->columns[keys[i] - 1].key = true;
		add_compared(capture, keys[i]);
	}
	capture->keys = keys;
	capture->keytext = bcd_keytext_create(capture->nkeys, types, capture->cxt);
}

/*
 * Looks up the columns to compare.  One that is missing was renamed or
 * dropped, and then the mapping cannot be trusted to say what matters.
 */
static void
find_compared(BcdCapture *capture, TupleDesc desc, char **names, int n)
{
	bool		all = (n == 0);
	int			i;

	for (i = 0; i < n && !all; i++)
	{
		AttrNumber	attnum = column_number(desc, names[i]);

		if (attnum == InvalidAttrNumber)
			all = true;
		else
			add_compared(capture, attnum);
	}
	for (i = 0; i < desc->natts && all; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			add_compared(capture, i + 1);
}

static void
fill_columns(BcdCapture *capture, TupleDesc desc)
{
	int			i;

	capture->columns = palloc0(sizeof(BcdColumn) * Max(desc->natts, 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		capture->columns[i].len = att->attlen;
		capture->columns[i].byval = att->attbyval;
		capture->columns[i].align = att->attalign;
	}
}

static void
fill_capture(BcdCapture *capture, TriggerData *trigdata)
{
	Trigger    *trigger = trigdata->tg_trigger;
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	MemoryContext old;

	if (trigger->tgnargs < 2)
		protocol_violated("needs arguments");
	capture->cxt = AllocSetContextCreate(CacheMemoryContext, "bcdelta capture",
										 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(capture->cxt);
	capture->relid = RelationGetRelid(trigdata->tg_relation);
	capture->feed_id = pg_strtoint32(trigger->tgargs[0]);
	capture->nkeys = pg_strtoint32(trigger->tgargs[1]);
	if (capture->nkeys < 1 || capture->nkeys > Min(trigger->tgnargs - 2, INDEX_MAX_KEYS))
		protocol_violated("needs the names of the key columns");
	fill_columns(capture, desc);
	find_keys(capture, desc, trigger->tgargs + 2);
	find_compared(capture, desc, trigger->tgargs + 2 + capture->nkeys,
				  trigger->tgnargs - 2 - capture->nkeys);
	capture->valid = true;
	MemoryContextSwitchTo(old);
}

/* What the trigger has to do, worked out at its first call. */
static const BcdCapture *
get_capture(TriggerData *trigdata)
{
	BcdCapture *capture;
	bool		found;

	if (captures == NULL)
		create_captures();
	capture = hash_search(captures, &trigdata->tg_trigger->tgoid, HASH_ENTER, &found);
	if (found && capture->valid)
		return capture;
	if (found && capture->cxt)
		MemoryContextDelete(capture->cxt);
	memset((char *) capture + sizeof(Oid), 0, sizeof(BcdCapture) - sizeof(Oid));
	fill_capture(capture, trigdata);
	return capture;
}

static bool
varlena_differs(struct varlena *a, struct varlena *b)
{
	struct varlena *plain_a;
	struct varlena *plain_b;
	bool		differs;

	if (VARATT_IS_EXTERNAL(a) && VARATT_IS_EXTERNAL(b) &&
		VARSIZE_EXTERNAL(a) == VARSIZE_EXTERNAL(b) &&
		memcmp(a, b, VARSIZE_EXTERNAL(a)) == 0)
		return false;			/* the same toasted value */
	if (toast_raw_datum_size(PointerGetDatum(a)) != toast_raw_datum_size(PointerGetDatum(b)))
		return true;
	plain_a = PG_DETOAST_DATUM_PACKED(PointerGetDatum(a));
	plain_b = PG_DETOAST_DATUM_PACKED(PointerGetDatum(b));
	differs = memcmp(VARDATA_ANY(plain_a), VARDATA_ANY(plain_b), VARSIZE_ANY_EXHDR(plain_a)) != 0;
	if (plain_a != a)
		pfree(plain_a);
	if (plain_b != b)
		pfree(plain_b);
	return differs;
}

static inline bool
value_differs(const BcdColumn *column, Datum a, Datum b)
{
	if (column->byval)
		return a != b;
	if (column->len > 0)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), column->len) != 0;
	if (column->len == -1)
		return varlena_differs((struct varlena *) DatumGetPointer(a),
							   (struct varlena *) DatumGetPointer(b));
	return strcmp(DatumGetCString(a), DatumGetCString(b)) != 0;
}

/* How two versions of a row differ */
typedef enum BcdDifference
{
	BCD_SAME,					/* in nothing that matters */
	BCD_DIFFERENT,				/* but not in the key */
	BCD_OTHER_KEY
} BcdDifference;

static BcdDifference
compare_slots(const BcdCapture *capture, TupleTableSlot *old, TupleTableSlot *new)
{
	BcdDifference result = BCD_SAME;
	int			i;

	slot_getsomeattrs(old, capture->last_compared);
	slot_getsomeattrs(new, capture->last_compared);
	for (i = 0; i < capture->last_compared; i++)
	{
		const BcdColumn *column = &capture->columns[i];

		if (!column->compared || (result != BCD_SAME && !column->key))
			continue;
		if (old->tts_isnull[i] != new->tts_isnull[i] ||
			(!old->tts_isnull[i] &&
			 value_differs(column, old->tts_values[i], new->tts_values[i])))
		{
			if (column->key)
				return BCD_OTHER_KEY;
			result = BCD_DIFFERENT;
		}
	}
	return result;
}

/* A value in a tuple: the next one of this column, and where it ends */
typedef struct BcdCursor
{
	char	   *at;
	Size		len;
} BcdCursor;

static inline void
find_value(BcdCursor *cursor, const BcdColumn *column)
{
	cursor->at = (char *) att_align_pointer((uintptr_t) cursor->at, column->align, column->len,
											cursor->at);
	if (column->len > 0)
		cursor->len = column->len;
	else
		cursor->len = column->len == -1 ? VARSIZE_ANY(cursor->at) : strlen(cursor->at) + 1;
}

static inline bool
values_differ(const BcdColumn *column, const BcdCursor *a, const BcdCursor *b)
{
	if (a->len == b->len && memcmp(a->at, b->at, a->len) == 0)
		return false;
	/* different bytes may still be the same value, once decompressed */
	return column->len != -1 ||
		varlena_differs((struct varlena *) a->at, (struct varlena *) b->at);
}

/* How many bytes at the beginning of two tuples' data are the same? */
static inline Size
same_bytes(const char *a, const char *b, Size len)
{
	Size		n = 0;

	/* the data of a tuple begins at a multiple of MAXIMUM_ALIGNOF */
	while (n + sizeof(uint64) <= len && *(const uint64 *) (a + n) == *(const uint64 *) (b + n))
		n += sizeof(uint64);
	while (n < len && a[n] == b[n])
		n++;
	return n;
}

/*
 * The same as compare_slots(), for tuples that have all the columns, and
 * without taking them apart.
 *
 * As long as both have the same bytes, they have the same columns at the same
 * places: then it is enough to go through one of them.
 */
static BcdDifference
compare_tuples(const BcdCapture *capture, MinimalTuple old, MinimalTuple new)
{
	BcdDifference result = BCD_SAME;
	bits8	   *old_nulls = (old->t_infomask & HEAP_HASNULL) ? old->t_bits : NULL;
	bits8	   *new_nulls = (new->t_infomask & HEAP_HASNULL) ? new->t_bits : NULL;
	Size		old_offset = old->t_hoff - MINIMAL_TUPLE_OFFSET;
	Size		new_offset = new->t_hoff - MINIMAL_TUPLE_OFFSET;
	BcdCursor	old_value = {(char *) old + old_offset, 0};
	BcdCursor	new_value = {(char *) new + new_offset, 0};
	char	   *same_end = old_value.at;
	bool		in_step;
	int			i;

	in_step = old_offset == new_offset && (old_nulls == NULL) == (new_nulls == NULL) &&
		(old_nulls == NULL || memcmp(old_nulls, new_nulls, BITMAPLEN(capture->last_compared)) == 0);
	if (in_step)
		same_end += same_bytes(old_value.at, new_value.at,
							   Min(old->t_len, new->t_len) - old_offset);
	for (i = 0; i < capture->last_compared; i++)
	{
		const BcdColumn *column = &capture->columns[i];
		bool		old_null = old_nulls && att_isnull(i, old_nulls);
		bool		new_null = new_nulls && att_isnull(i, new_nulls);
		char	   *before = old_value.at;

		if (!old_null)
			find_value(&old_value, column);
		if (in_step && (old_null || old_value.at + old_value.len <= same_end))
		{
			if (!old_null)
				old_value.at += old_value.len;
			continue;
		}
		if (in_step)
		{
			in_step = false;
			new_value.at += before - ((char *) old + old_offset);
		}
		if (!new_null)
			find_value(&new_value, column);
		if (column->compared && !(old_null && new_null) &&
			(old_null || new_null || values_differ(column, &old_value, &new_value)))
		{
			if (column->key)
				return BCD_OTHER_KEY;
			result = BCD_DIFFERENT;
			if (i >= capture->last_key)
				return result;
		}
		if (!old_null)
			old_value.at += old_value.len;
		if (!new_null)
			new_value.at += new_value.len;
	}
	return result;
}

/* The row's key, or NULL when a part of it is null. */
static text *
row_key(BcdCall *call, TupleTableSlot *slot, StringInfo buffer)
{
	const BcdCapture *capture = call->capture;
	Datum		values[INDEX_MAX_KEYS];
	MemoryContext old;
	int			i;

	slot_getsomeattrs(slot, capture->last_key);
	for (i = 0; i < capture->nkeys; i++)
	{
		int			n = capture->keys[i] - 1;

		if (slot->tts_isnull[n])
			return NULL;
		values[i] = slot->tts_values[n];
	}
	old = MemoryContextSwitchTo(call->scratch);
	bcd_text_begin(buffer);
	bcd_keytext_append(capture->keytext, values, buffer);
	MemoryContextSwitchTo(old);
	MemoryContextReset(call->scratch);
	return bcd_text_end(buffer);
}

static void
add_change(BcdCall *call, char op, text *key)
{
	if (call->changes == NULL)
		call->changes = bcd_changes_begin(call->capture->feed_id);
	bcd_changes_add(call->changes, op, key);
}

/* A row that was added, removed, or changed without looking at its old key */
static void
capture_row(BcdCall *call, TupleTableSlot *slot)
{
	text	   *key = row_key(call, slot, &call->key);

	add_change(call, key ? BCD_OP_CHANGE : BCD_OP_NO_KEY, key);
}

static inline bool
same_text(text *a, text *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static void
capture_new_key(BcdCall *call, TupleTableSlot *old, TupleTableSlot *new)
{
	text	   *old_key = row_key(call, old, &call->old_key);
	text	   *key = row_key(call, new, &call->key);

	if (key == NULL || old_key == NULL)
	{
		add_change(call, BCD_OP_NO_KEY, NULL);
		if (key || old_key)
			add_change(call, BCD_OP_CHANGE, key ? key : old_key);
	}
	else if (same_text(old_key, key))
		add_change(call, BCD_OP_CHANGE, key);
	else
	{
		if (call->changes == NULL)
			call->changes = bcd_changes_begin(call->capture->feed_id);
		bcd_changes_add_move(call->changes, key, old_key);
	}
}

static void
capture_difference(BcdCall *call, BcdDifference difference, TupleTableSlot *old, TupleTableSlot *new)
{
	switch (difference)
	{
		case BCD_SAME:
			break;
		case BCD_DIFFERENT:
			capture_row(call, new);
			break;
		case BCD_OTHER_KEY:
			capture_new_key(call, old, new);
			break;
	}
}

/* A pair of rows of the transition tables */
static void
capture_pair(BcdCall *call, TupleTableSlot *old, TupleTableSlot *new)
{
	const BcdCapture *capture = call->capture;
	MinimalTuple old_tuple = ((MinimalTupleTableSlot *) old)->mintuple;
	MinimalTuple new_tuple = ((MinimalTupleTableSlot *) new)->mintuple;

	if ((old_tuple->t_infomask2 & HEAP_NATTS_MASK) >= capture->last_compared &&
		(new_tuple->t_infomask2 & HEAP_NATTS_MASK) >= capture->last_compared)
		capture_difference(call, compare_tuples(capture, old_tuple, new_tuple), old, new);
	else
		capture_difference(call, compare_slots(capture, old, new), old, new);
}

/* Makes a transition table be read from its beginning. */
static void
rewind_table(Tuplestorestate *table)
{
	tuplestore_select_read_pointer(table, 0);
	tuplestore_rescan(table);
}

static void
capture_table(BcdCall *call, TupleDesc desc, Tuplestorestate *table)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	rewind_table(table);
	while (tuplestore_gettupleslot(table, true, false, slot))
		capture_row(call, slot);
	ExecDropSingleTupleTableSlot(slot);
}

static void
capture_tables(BcdCall *call, TupleDesc desc, Tuplestorestate *olds, Tuplestorestate *news)
{
	TupleTableSlot *old;
	TupleTableSlot *new;

	if (tuplestore_tuple_count(olds) != tuplestore_tuple_count(news))
	{
		capture_table(call, desc, olds);
		capture_table(call, desc, news);
		return;
	}
	old = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	new = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	rewind_table(olds);
	rewind_table(news);
	while (tuplestore_gettupleslot(olds, true, false, old) &&
		   tuplestore_gettupleslot(news, true, false, new))
		capture_pair(call, old, new);
	ExecDropSingleTupleTableSlot(old);
	ExecDropSingleTupleTableSlot(new);
}

static void
capture_statement(BcdCall *call, TriggerData *trigdata)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);

	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) &&
		trigdata->tg_oldtable && trigdata->tg_newtable)
		capture_tables(call, desc, trigdata->tg_oldtable, trigdata->tg_newtable);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) && trigdata->tg_newtable)
		capture_table(call, desc, trigdata->tg_newtable);
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) && trigdata->tg_oldtable)
		capture_table(call, desc, trigdata->tg_oldtable);
	else
		protocol_violated("was fired for a statement without transition tables");
}

static void
capture_one(BcdCall *call, TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		TupleTableSlot *old = trigdata->tg_trigslot;
		TupleTableSlot *new = trigdata->tg_newslot;

		capture_difference(call, compare_slots(call->capture, old, new), old, new);
	}
	else
		capture_row(call, trigdata->tg_trigslot);
}

static void
capture_rows(TriggerData *trigdata, const BcdCapture *capture)
{
	BcdCall		call = {0};

	call.capture = capture;
	call.scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta capture",
										 ALLOCSET_SMALL_SIZES);
	initStringInfo(&call.key);
	initStringInfo(&call.old_key);
	call.guc_level = bcd_keytext_pin(capture->keytext);
	if (TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		capture_statement(&call, trigdata);
	else
		capture_one(&call, trigdata);
	bcd_keytext_unpin(call.guc_level);
	if (call.changes)
		bcd_changes_end(call.changes);
	pfree(call.key.data);
	pfree(call.old_key.data);
	MemoryContextDelete(call.scratch);
}

/* Did the statement change any row at all? */
static bool
changed_rows(TriggerData *trigdata)
{
	Tuplestorestate *table = trigdata->tg_newtable ? trigdata->tg_newtable : trigdata->tg_oldtable;

	return TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) || table == NULL ||
		tuplestore_tuple_count(table) > 0;
}

/* A change that is not of one row */
static void
capture_all(const BcdCapture *capture, char op)
{
	BcdChanges *changes = bcd_changes_begin(capture->feed_id);

	bcd_changes_add(changes, op, NULL);
	bcd_changes_end(changes);
}

Datum
bcdelta_capture(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const BcdCapture *capture;

	if (!CALLED_AS_TRIGGER(fcinfo))
		protocol_violated("was not called by a trigger");
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		protocol_violated("was not fired after the change");
	capture = get_capture(trigdata);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		capture_all(capture, BCD_OP_TRUNCATE);
	else if (!changed_rows(trigdata))
		return PointerGetDatum(NULL);
	else if (capture->keys == NULL)
		capture_all(capture, BCD_OP_ANY);
	else
		capture_rows(trigdata, capture);
	return PointerGetDatum(NULL);
}
