/*
 * gather.c
 *		Reads the whole list in place of ever more lookups.
 *
 * The planner decides on lookups by how many rows it expects of other tables. If
 * there are far more of them, as in tables that were never analyzed, one call for
 * each row would be the worst way to read a list of a few pages. So a scan that
 * has made as many lookups as the whole list takes calls reads that, and finds
 * the records for further rows in memory: it makes at most twice the calls that
 * the best plan would have made.
 *
 * Rows are found by a hash of the text of their key. What has the same hash is
 * returned as well, for the executor checks all conditions.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "foreign/limit.h"
#include "foreign/scan_state.h"
#include "foreign/totals.h"

#define FEW_LOOKUPS		10		/* for which nobody minds */
#define MOST_WORK_MEM	4		/* times the setting work_mem: rows in memory */

typedef struct BcdGathered
{
	HTAB	   *table;			/* of Bucket */
	ListCell   *next;			/* row to be returned */
	List	   *rows;			/* of the present key */
} BcdGathered;

typedef struct Bucket
{
	uint64		hash;
	List	   *rows;			/* MinimalTuples */
} Bucket;

static int
attnum_of(const BcdTable *table, const char *field)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].name && strcmp(table->columns[i].name, field) == 0 &&
			bcd_column_is_plain(&table->columns[i]))
			return i + 1;
	return 0;
}

/*
 * Finds out by what a scan looks records up, if it does: a field that has to
 * equal a value from other tables.
 */
void
bcd_gather_prepare(BcdForeignScan *scan)
{
	int			i;

	scan->key = -1;
	for (i = 0; i < scan->nfilters && scan->key < 0; i++)
		if (!scan->arrays[i] && !bcd_scan_is_fixed(scan, i) &&
			(scan->filters[i]->by == BCD_BY_EQUAL || scan->filters[i]->by == BCD_BY_IN))
			scan->key = i;
	if (scan->key < 0)
		return;
	scan->key_attnum = attnum_of(scan->table, scan->filters[scan->key]->field);
	if (!bms_is_member(scan->key_attnum, scan->columns))
		scan->key = -1;
}

/* Asks the store how many records the list has. */
static void
count_records(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;

	MemoryContextReset(scan->values_cxt);
	scan->nothing = false;
	bcd_requests_begin(&scan->requests, scan->table, scan->shown, scan->limit);
	scan->requests.counts = true;
	bcd_requests_ready(&scan->requests);
	bcd_scan_ask_first(node);
	(void) bcd_scan_record(scan);
	scan->page.n = scan->page.next = 0;
}

/* Is it time to read the whole list? */
bool
bcd_gather_is_better(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;
	const BcdTable *table = scan->table;
	int64		total;

	if (scan->key < 0 || !scan->waits || scan->lookups < FEW_LOOKUPS || (scan->flags & BCD_SCAN_COUNTS))
		return false;
	total = bcd_total_known(table->serverid, table->resource);
	if (total < 0 && !table->resource->uncounted && !scan->counted && bcd_calls_allow(table, 1))
	{
		scan->counted = true;
		count_records(node);
		total = bcd_total_known(table->serverid, table->resource);
	}
	return total >= 0 && scan->lookups >= ceil((double) total / scan->limit) &&
		bcd_calls_allow(table, ceil((double) total / scan->limit));
}

static uint64
hash_of(const BcdForeignScan *scan, Oid type, Datum value)
{
	char	   *text = bcd_scan_value_text(scan->filters[scan->key], type, value);
	uint64		hash = text ? hash_bytes_extended((const unsigned char *) text, strlen(text), 0) : 0;

	if (text)
		pfree(text);
	return hash;
}

/* Keeps the row in a slot. */
static void
keep(const BcdForeignScan *scan, HTAB *table, TupleTableSlot *slot)
{
	Form_pg_attribute key = TupleDescAttr(slot->tts_tupleDescriptor, scan->key_attnum - 1);
	bool		isnull;
	Datum		value = slot_getattr(slot, scan->key_attnum, &isnull);
	uint64		hash;
	Bucket	   *bucket;
	bool		found;

	/* nothing equals null */
	if (isnull)
		return;
	hash = hash_of(scan, key->atttypid, value);
	bucket = hash_search(table, &hash, HASH_ENTER, &found);
	if (!found)
		bucket->rows = NIL;
	bucket->rows = lappend(bucket->rows, ExecCopySlotMinimalTuple(slot));
}

/* Reads the list, as far as its limits do not depend on other tables. */
void
bcd_gather(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	MemoryContext query = node->ss.ps.state->es_query_cxt;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(query, "bcdelta records", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		ctl = {0};
	HTAB	   *table;
	JsonbValue *record;

	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(Bucket);
	ctl.hcxt = cxt;
	table = hash_create("bcdelta records", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	MemoryContextReset(scan->values_cxt);
	bcd_scan_evaluate(scan, node->ss.ps.ps_ExprContext, true);
	if (!scan->nothing)
		bcd_scan_ask_first(node);
	while (!scan->nothing)
	{
		MemoryContextReset(scan->row_cxt);
		MemoryContextSwitchTo(scan->row_cxt);
		record = bcd_scan_record(scan);
		if (record == NULL)
			break;
		ExecClearTuple(slot);
		bcd_row_read(scan->reader, record, slot->tts_values, slot->tts_isnull);
		ExecStoreVirtualTuple(slot);
		MemoryContextSwitchTo(cxt);
		keep(scan, table, slot);
		if (MemoryContextMemAllocated(cxt, true) > MOST_WORK_MEM * work_mem * 1024L)
			break;
	}
	MemoryContextSwitchTo(query);
	ExecClearTuple(slot);
	if (MemoryContextMemAllocated(cxt, true) > MOST_WORK_MEM * work_mem * 1024L)
	{
		/* too much: it goes on as before */
		bcd_scan_stop(scan);
		scan->page.n = scan->page.next = 0;
		scan->key = -1;
		MemoryContextDelete(cxt);
		MemoryContextSwitchTo(old);
		return;
	}
	scan->gathered = palloc0(sizeof(BcdGathered));
	scan->gathered->table = table;
	MemoryContextSwitchTo(old);
}

/* Finds the rows for the present values of other tables. */
void
bcd_gathered_find(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;
	BcdGathered *g = scan->gathered;
	ExprState  *state = list_nth(scan->values, scan->key);
	bool		isnull;
	Datum		value = ExecEvalExpr(state, node->ss.ps.ps_ExprContext, &isnull);
	uint64		hash;
	Bucket	   *bucket;

	g->rows = NIL;
	if (!isnull)
	{
		hash = hash_of(scan, exprType((Node *) state->expr), value);
		bucket = hash_search(g->table, &hash, HASH_FIND, NULL);
		g->rows = bucket ? bucket->rows : NIL;
	}
	g->next = list_head(g->rows);
}

/* Puts the next of them into a slot; false if there are no more. */
bool
bcd_gathered_next(ForeignScanState *node, TupleTableSlot *slot)
{
	BcdGathered *g = ((BcdForeignScan *) node->fdw_state)->gathered;

	if (g->next == NULL)
		return false;
	ExecForceStoreMinimalTuple(lfirst(g->next), slot, false);
	g->next = lnext(g->rows, g->next);
	return true;
}
