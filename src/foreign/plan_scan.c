/*
 * plan_scan.c
 *		Makes a plan of the path that was chosen for a foreign table.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"

#include "base/compat.h"
#include "foreign/plan.h"
#include "foreign/scan_state.h"

/* The position of a filter in those of its resource */
static int
number_of(const BcdResource *r, const BcdFilter *filter)
{
	return (int) (filter - r->filters);
}

/* Adds the conditions among some clauses to those that a plan asks the store for. */
static void
add_conditions(PlannerInfo *root, const BcdTable *table, Index rti, List *clauses, List **filters, List **arrays, List **values)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		BcdCondition condition = {0};

		if (!bcd_condition(root, table, rti, lfirst(lc), &condition))
			continue;
		*filters = lappend_int(*filters, number_of(table->resource, condition.filter));
		*arrays = lappend_int(*arrays, condition.array);
		*values = lappend(*values, condition.value);
	}
}

/*
 * May the query end long before the table is read?  Then nobody knows how many
 * calls it takes, and they are counted as they are made.
 */
static bool
is_bounded(const PlannerInfo *root)
{
	return root->tuple_fraction > 0;
}

/* GetForeignPlan: of a scan of a table, or of the number of its records */
ForeignScan *
bcd_plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
			  List *tlist, List *clauses, Plan *outer_plan)
{
	const BcdRelation *relation = rel->fdw_private;
	const BcdTable *table = relation->table;
	bool		counts = IS_UPPER_REL(rel);
	int			calls = intVal(linitial(path->fdw_private));
	int			flags = counts ? BCD_SCAN_COUNTS : is_bounded(root) ? BCD_SCAN_BOUNDED : 0;
	List	   *filters = NIL;
	List	   *arrays = NIL;
	List	   *values = NIL;
	List	   *columns = NIL;
	Index		rti = relation->rti;
	int			attnum = -1;

	clauses = extract_actual_clauses(counts ? root->simple_rel_array[rti]->baserestrictinfo : clauses, false);
	add_conditions(root, table, rti, clauses, &filters, &arrays, &values);
	while (!counts && (attnum = bms_next_member(relation->columns, attnum)) > 0)
		columns = lappend_int(columns, attnum);
	/* what is counted has no columns, and no row on which to check them again */
	return make_foreignscan(tlist, counts ? NIL : clauses, counts ? 0 : rti, values,
							list_make4(filters, arrays, columns, list_make3_int((int) table->relid, calls, flags)),
							counts ? tlist : NIL, NIL, outer_plan);
}
