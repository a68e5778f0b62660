/*
 * capture.c
 *		The trigger function: captures the rows that a statement has changed.
 *
 * It runs inside the source's transactions, so it must be cheap and must not
 * fail. It uses only the trigger's arguments, the relation's descriptor and
 * the rows themselves; the state of a feed is the worker's business. The work
 * to do is determined once per trigger and backend.
 *
 * Arguments: three numbers in one, the feed's id, the dependency's id (0: the
 * table is the feed's source) and the number of key columns; the names of the
 * key columns; the names of the columns that the mapping depends on (none: all
 * columns).  A trigger for TRUNCATE needs no names, and triggers for INSERT
 * and DELETE need no columns to compare.
 *
 * The key columns of a table that a feed depends on hold its parent's key. The
 * parent is marked; a row without one marks nothing, and a row that moves to
 * another parent marks both. A fourth number means that a lookup finds the
 * parent by the values of these columns, which are captured, including nulls.
 *
 * A statement trigger sees all rows of a statement in transition tables, in
 * the order in which they were changed: the n-th old row has become the n-th
 * new row.  Only a BEFORE trigger of a partition that discards a row moving
 * there leaves more old rows than new ones.
 */
#include "postgres.h"

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

#include "base/bcdelta.h"
#include "base/compat.h"
#include "capture/change.h"
#include "capture/key_text.h"
#include "capture/row_diff.h"

/* The work of a trigger; everything is allocated below cxt */
typedef struct BcdCapture
{
	Oid			trigger;		/* hash key */
	Oid			relid;
	bool		valid;
	MemoryContext cxt;
	int32		feed_id;
	int32		dependency_id;	/* 0: this is the feed's source */
	int			nkeys;
	int			looked_up;		/* the columns hold no key: see
								 * parent_lookup.c */
	AttrNumber *keys;			/* NULL: a key column no longer exists */
	BcdKeyText *keytext;
	int			last_key;		/* columns up to here are needed for the key */
	BcdRowDiff	diff;
} BcdCapture;

/* One call of the trigger */
typedef struct BcdCall
{
	const BcdCapture *capture;
	BcdChanges *changes;		/* NULL until something has changed */
	MemoryContext scratch;		/* reset for every row; NULL: not needed */
	int			guc_level;
	StringInfoData key;
	StringInfoData old_key;
	StringInfoData last_parent; /* those marked last */
	StringInfoData last_old_parent;
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

/* Looks up the key columns; leaves keys NULL if one is missing. */
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
		bcd_rowdiff_add(&capture->diff, keys[i], true);
	}
	capture->keys = keys;
	capture->keytext = bcd_keytext_create(capture->nkeys, types, capture->cxt);
}

/*
 * Looks up the columns to compare.  A missing column was renamed or dropped,
 * and then the mapping no longer shows which columns are relevant.
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
			bcd_rowdiff_add(&capture->diff, attnum, false);
	}
	for (i = 0; i < desc->natts && all; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			bcd_rowdiff_add(&capture->diff, i + 1, false);
}

static void
find_columns(BcdCapture *capture, TupleDesc desc, const Trigger *trigger)
{
	if (capture->nkeys < 1 || capture->nkeys > Min(trigger->tgnargs - 1, INDEX_MAX_KEYS))
		protocol_violated("needs the names of the key columns");
	bcd_rowdiff_init(&capture->diff, desc);
	find_keys(capture, desc, trigger->tgargs + 1);
	find_compared(capture, desc, trigger->tgargs + 1 + capture->nkeys,
				  trigger->tgnargs - 1 - capture->nkeys);
}

static void
fill_capture(BcdCapture *capture, TriggerData *trigdata)
{
	Trigger    *trigger = trigdata->tg_trigger;
	MemoryContext old;

	capture->cxt = AllocSetContextCreate(CacheMemoryContext, "bcdelta capture",
										 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(capture->cxt);
	capture->relid = RelationGetRelid(trigdata->tg_relation);
	if (trigger->tgnargs < 1 ||
		sscanf(trigger->tgargs[0], "%d %d %d %d", &capture->feed_id, &capture->dependency_id,
			   &capture->nkeys, &capture->looked_up) < 3)
		protocol_violated("needs arguments");
	if (capture->nkeys > 0 || !TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		find_columns(capture, RelationGetDescr(trigdata->tg_relation), trigger);
	capture->valid = true;
	MemoryContextSwitchTo(old);
}

/* The work of the trigger, determined at its first call. */
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

static inline void
append_key(const BcdCapture *capture, const Datum *values, const bool *nulls, StringInfo buffer)
{
	if (capture->looked_up)
	{
		appendStringInfo(buffer, "%d ", capture->dependency_id);
		bcd_keytext_append_values(capture->keytext, values, nulls, buffer);
	}
	else
		bcd_keytext_append(capture->keytext, values, buffer);
}

/* The row's key, or NULL if a part of it is null, or it is too long. */
static text *
row_key(BcdCall *call, TupleTableSlot *slot, StringInfo buffer)
{
	const BcdCapture *capture = call->capture;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	MemoryContext old;
	int			i;

	slot_getsomeattrs(slot, capture->last_key);
	for (i = 0; i < capture->nkeys; i++)
	{
		int			n = capture->keys[i] - 1;

		nulls[i] = slot->tts_isnull[n];
		if (nulls[i] && !capture->looked_up)
			return NULL;
		values[i] = slot->tts_values[n];
	}
	if (buffer->data == NULL)
		initStringInfo(buffer);
	bcd_text_begin(buffer);
	old = MemoryContextSwitchTo(call->scratch ? call->scratch : CurrentMemoryContext);
	append_key(capture, values, nulls, buffer);
	MemoryContextSwitchTo(old);
	if (call->scratch)
		MemoryContextReset(call->scratch);
	return buffer->len - VARHDRSZ > BCD_MAX_KEY ? NULL : bcd_text_end(buffer);
}

static void
add_change(BcdCall *call, char op, text *key)
{
	if (call->changes == NULL)
		call->changes = bcd_changes_captured(call->capture->feed_id, call->capture->dependency_id);
	bcd_changes_add(call->changes, op, key);
}

/* Marks a row's parent, but only once for consecutive rows. */
static void
capture_parent(BcdCall *call, text *key, StringInfo last)
{
	/* values that are too long may belong to any row */
	if (key == NULL && call->capture->looked_up)
		add_change(call, BCD_OP_TRUNCATE, NULL);
	if (key == NULL ||
		(last->len == VARSIZE(key) && memcmp(last->data, key, VARSIZE(key)) == 0))
		return;
	if (last->data == NULL)
		initStringInfo(last);
	resetStringInfo(last);
	appendBinaryStringInfo(last, (char *) key, VARSIZE(key));
	add_change(call, call->capture->looked_up ? BCD_OP_LOOKUP : BCD_OP_CHANGE, key);
}

/* A row that was added, removed, or changed, regardless of its old key */
static void
capture_row(BcdCall *call, TupleTableSlot *slot)
{
	text	   *key = row_key(call, slot, &call->key);

	if (call->capture->dependency_id != 0)
		capture_parent(call, key, &call->last_parent);
	else
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
			call->changes = bcd_changes_captured(call->capture->feed_id, call->capture->dependency_id);
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
			if (call->capture->dependency_id == 0)
				capture_new_key(call, old, new);
			else
			{
				capture_parent(call, row_key(call, old, &call->old_key), &call->last_old_parent);
				capture_row(call, new);
			}
			break;
	}
}

/* A pair of rows of the transition tables */
static inline void
capture_pair(BcdCall *call, TupleTableSlot *old, TupleTableSlot *new)
{
	BcdDifference difference = bcd_rowdiff_minimal(&call->capture->diff, old, new);

	if (difference != BCD_SAME)
		capture_difference(call, difference, old, new);
}

/* Rewinds a transition table. */
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

		capture_difference(call, bcd_rowdiff_slots(&call->capture->diff, old, new), old, new);
	}
	else
		capture_row(call, trigdata->tg_trigslot);
}

static void
capture_rows(TriggerData *trigdata, const BcdCapture *capture)
{
	BcdCall		call = {0};

	call.capture = capture;
	if (capture->keytext->allocates)
		call.scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta capture",
											 ALLOCSET_SMALL_SIZES);
	call.guc_level = bcd_keytext_pin(capture->keytext);
	if (TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		capture_statement(&call, trigdata);
	else
		capture_one(&call, trigdata);
	bcd_keytext_unpin(call.guc_level);
	if (call.changes)
		bcd_changes_end(call.changes);
	if (call.scratch)
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
	BcdChanges *changes = bcd_changes_captured(capture->feed_id, capture->dependency_id);
	text	   *dependency = NULL;

	if (op == BCD_OP_ANY && capture->dependency_id != 0)
		dependency = cstring_to_text(psprintf("%d", capture->dependency_id));
	bcd_changes_add(changes, op, dependency);
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
