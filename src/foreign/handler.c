/*
 * handler.c
 *		The handler of the foreign-data wrapper: foreign tables are read only.
 */
#include "postgres.h"

#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "foreign/analyze.h"
#include "foreign/async.h"
#include "foreign/explain.h"
#include "foreign/import.h"
#include "foreign/plan.h"
#include "foreign/scan_state.h"

static void
refuse_write(Relation relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign table \"%s\" can only be read", RelationGetRelationName(relation)),
			 errhint("To change the store, use bcdelta.track() and bcdelta.push().")));
}

static List *
plan_write(PlannerInfo *root, ModifyTable *plan, Index rti, int subplan)
{
	RangeTblEntry *rte = planner_rt_fetch(rti, root);
	Relation	relation = RelationIdGetRelation(rte->relid);

	refuse_write(relation);
	return NIL;
}

static void
begin_insert(ModifyTableState *state, ResultRelInfo *result)
{
	refuse_write(result->ri_RelationDesc);
}

static TupleTableSlot *
write_row(EState *estate, ResultRelInfo *result, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	refuse_write(result->ri_RelationDesc);
	return NULL;
}

/* All kinds of writes: then it is plan_write() that refuses them. */
static int
writable(Relation relation)
{
	return (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE);
}

PG_FUNCTION_INFO_V1(bcdelta_handler);

/* Returns the wrapper's callbacks. */
Datum
bcdelta_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = bcd_plan_size;
	routine->GetForeignPaths = bcd_plan_paths;
	routine->GetForeignPlan = bcd_plan_scan;
	routine->GetForeignUpperPaths = bcd_plan_count;
	routine->BeginForeignScan = bcd_scan_open;
	routine->IterateForeignScan = bcd_scan_next;
	routine->ReScanForeignScan = bcd_scan_again;
	routine->EndForeignScan = bcd_scan_close;
	routine->ExplainForeignScan = bcd_scan_explain;
	routine->AnalyzeForeignTable = bcd_analyze;
	routine->PlanForeignModify = plan_write;
	routine->BeginForeignInsert = begin_insert;
	routine->ExecForeignInsert = write_row;
	routine->ExecForeignUpdate = write_row;
	routine->ExecForeignDelete = write_row;
	routine->IsForeignRelUpdatable = writable;
	routine->ImportForeignSchema = bcd_foreign_import;
	bcd_async_install(routine);
	PG_RETURN_POINTER(routine);
}
