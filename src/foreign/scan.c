/*
 * scan.c
 *		Reads a foreign table, page by page.
 *
 * All that is kept is the page that is being read, unless the executor has said
 * that it may want the same rows again.
 *
 * A scan whose parameters change asks anew, through the same channel.
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "foreign/scan_state.h"

static void
read_private(BcdForeignScan *scan, const List *private)
{
	const List *filters = list_nth(private, BCD_PRIVATE_FILTERS);
	const List *arrays = list_nth(private, BCD_PRIVATE_ARRAYS);
	const List *numbers = list_nth(private, BCD_PRIVATE_NUMBERS);
	ListCell   *lc;
	int			i;

	scan->table = bcd_foreign_table((Oid) list_nth_int(numbers, 0));
	scan->estimate = list_nth_int(numbers, 1);
	scan->flags = list_nth_int(numbers, 2);
	scan->nfilters = list_length(filters);
	scan->filters = palloc(sizeof(BcdFilter *) * Max(scan->nfilters, 1));
	scan->arrays = palloc(sizeof(bool) * Max(scan->nfilters, 1));
	for (i = 0; i < scan->nfilters; i++)
	{
		scan->filters[i] = &scan->table->resource->filters[list_nth_int(filters, i)];
		scan->arrays[i] = list_nth_int(arrays, i) != 0;
	}
	foreach(lc, (List *) list_nth(private, BCD_PRIVATE_COLUMNS))
		scan->columns = bms_add_member(scan->columns, lfirst_int(lc));
}

/* Whose rights are used: the query's, or those of the owner of a view */
static Oid
user_of(const ForeignScanState *node)
{
	const ForeignScan *plan = (const ForeignScan *) node->ss.ps.plan;
	int			rti = plan->scan.scanrelid > 0 ? (int) plan->scan.scanrelid : bms_next_member(bcd_scan_relids(plan), -1);
	Oid			userid = bcd_scan_user(plan, node->ss.ps.state, rti);

	return OidIsValid(userid) ? userid : GetUserId();
}

/* BeginForeignScan: nothing is asked for yet. */
void
bcd_scan_open(ForeignScanState *node, int eflags)
{
	const ForeignScan *plan = (const ForeignScan *) node->ss.ps.plan;
	EState	   *estate = node->ss.ps.state;
	BcdForeignScan *scan = palloc0(sizeof(BcdForeignScan));
	int			i;

	node->fdw_state = scan;
	read_private(scan, plan->fdw_private);
	scan->userid = user_of(node);
	scan->waits = !bcd_is_async(&node->ss.ps);
	scan->values = ExecInitExprList(plan->fdw_exprs, &node->ss.ps);
	scan->shown = bcd_requests_shown(scan->table, scan->columns, &scan->limit);
	scan->reader = bcd_row_reader(scan->table, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor, scan->columns);
	bcd_gather_prepare(scan);
	scan->values_cxt = AllocSetContextCreate(estate->es_query_cxt, "bcdelta conditions", ALLOCSET_SMALL_SIZES);
	scan->page_cxt = AllocSetContextCreate(estate->es_query_cxt, "bcdelta page", ALLOCSET_DEFAULT_SIZES);
	scan->row_cxt = AllocSetContextCreate(estate->es_query_cxt, "bcdelta row", ALLOCSET_DEFAULT_SIZES);
	scan->fixed = true;
	for (i = 0; i < scan->nfilters; i++)
		scan->fixed &= bcd_scan_is_fixed(scan, i);
	if (((eflags & EXEC_FLAG_REWIND) || (scan->fixed && !bms_is_empty(plan->scan.plan.extParam))) &&
		!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		scan->kept = tuplestore_begin_heap(true, false, work_mem);
		scan->kept_slot = MakeSingleTupleTableSlot(node->ss.ss_ScanTupleSlot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	}
}

/* Asks for the first page, unless that has been done. */
void
bcd_scan_start(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;

	if (scan->begun)
		return;
	scan->begun = true;
	scan->total = 0;
	if (scan->gathered == NULL && bcd_gather_is_better(node))
		bcd_gather(node);
	if (scan->gathered)
	{
		bcd_gathered_find(node);
		return;
	}
	MemoryContextReset(scan->values_cxt);
	bcd_scan_evaluate(scan, node->ss.ps.ps_ExprContext, false);
	scan->lookups += !scan->nothing;
	if (!scan->nothing)
		bcd_scan_ask_first(node);
}

/* Stores the number of records, once. */
static void
store_count(ForeignScanState *node, TupleTableSlot *slot)
{
	BcdForeignScan *scan = node->fdw_state;

	if (scan->begun && !scan->nothing && !scan->asked && scan->requests.over)
		return;
	if (scan->begun && scan->nothing)
		return;
	bcd_scan_start(node);
	(void) bcd_scan_record(scan);
	slot->tts_values[0] = Int64GetDatum(scan->nothing ? 0 : scan->total);
	slot->tts_isnull[0] = false;
	ExecStoreVirtualTuple(slot);
}

/* Puts the next row of the store into a slot, or leaves it empty. */
static void
fetch(ForeignScanState *node, TupleTableSlot *slot)
{
	BcdForeignScan *scan = node->fdw_state;
	MemoryContext old;
	JsonbValue *record;

	if (scan->flags & BCD_SCAN_COUNTS)
	{
		store_count(node, slot);
		return;
	}
	bcd_scan_start(node);
	if (scan->gathered)
	{
		(void) bcd_gathered_next(node, slot);
		return;
	}
	MemoryContextReset(scan->row_cxt);
	old = MemoryContextSwitchTo(scan->row_cxt);
	record = bcd_scan_record(scan);
	if (record)
	{
		bcd_row_read(scan->reader, record, slot->tts_values, slot->tts_isnull);
		ExecStoreVirtualTuple(slot);
	}
	MemoryContextSwitchTo(old);
}

/* IterateForeignScan */
TupleTableSlot *
bcd_scan_next(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (scan->kept && !tuplestore_ateof(scan->kept) &&
		tuplestore_gettupleslot(scan->kept, true, false, scan->kept_slot))
		return ExecCopySlot(slot, scan->kept_slot);
	fetch(node, slot);
	if (scan->kept && !TupIsNull(slot))
		tuplestore_puttupleslot(scan->kept, slot);
	return slot;
}

/* ReScanForeignScan */
void
bcd_scan_again(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;

	if (!scan->begun)
		return;
	if (scan->kept && (node->ss.ps.chgParam == NULL || scan->fixed))
	{
		tuplestore_rescan(scan->kept);
		return;
	}
	if (scan->kept)
		tuplestore_clear(scan->kept);
	/* a page that is under way would be taken for the first one */
	if (scan->asked)
		bcd_scan_stop(scan);
	scan->begun = false;
	scan->page.n = scan->page.next = 0;
}

/* EndForeignScan */
void
bcd_scan_close(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;

	if (scan == NULL)
		return;
	bcd_scan_stop(scan);
	if (scan->kept)
		tuplestore_end(scan->kept);
	if (scan->kept_slot)
		ExecDropSingleTupleTableSlot(scan->kept_slot);
}
