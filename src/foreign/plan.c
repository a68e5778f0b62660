/*
 * plan.c
 *		Plans scans of foreign tables.
 *
 * There is a path that reads what the query's own conditions leave, and one for
 * each set of other tables whose values the store could be asked for: that is
 * how a dozen rows become a dozen calls, and how the records for a list of ids
 * become one. No LIMIT is handed down: pages are read as they are needed.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/prep.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "foreign/plan.h"
#include "foreign/request.h"

/* A column that other tables are compared with */
typedef struct Lookup
{
	const BcdTable *table;
	Expr	   *current;		/* it, in the class that is looked at */
	List	   *done;
} Lookup;

/* Does a query itself use whole rows of a table, and not only its row mark? */
static bool
uses_whole_rows(PlannerInfo *root, const RelOptInfo *rel)
{
	const Query *query = root->parse;
	Bitmapset  *shifted = NULL;
	ListCell   *lc;

	if (get_plan_rowmark(root->rowMarks, rel->relid) == NULL)
		return true;
	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst_node(TargetEntry, lc);

		/* the planner has added those of row marks */
		if (!target->resjunk || target->resname == NULL || strncmp(target->resname, "wholerow", strlen("wholerow")) != 0)
			pull_varattnos((Node *) target->expr, rel->relid, &shifted);
	}
	pull_varattnos((Node *) query->jointree, rel->relid, &shifted);
	pull_varattnos((Node *) query->returningList, rel->relid, &shifted);
	pull_varattnos(query->havingQual, rel->relid, &shifted);
	return bms_is_member(-FirstLowInvalidHeapAttributeNumber, shifted);
}

/*
 * The attribute numbers that a query needs of a table.  What changes a table by
 * the rows of this one keeps copies of these; but of columns that nobody reads,
 * none are needed.
 */
static Bitmapset *
columns_needed(PlannerInfo *root, const RelOptInfo *rel, const BcdTable *table)
{
	Bitmapset  *shifted = NULL;
	Bitmapset  *columns = NULL;
	bool		whole;
	ListCell   *lc;
	int			i;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &shifted);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &shifted);
	whole = bms_is_member(-FirstLowInvalidHeapAttributeNumber, shifted) && uses_whole_rows(root, rel);
	for (i = 1; i <= table->ncolumns; i++)
		if (table->columns[i - 1].name && (whole || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, shifted)))
			columns = bms_add_member(columns, i);
	return columns;
}

/* GetForeignRelSize */
void
bcd_plan_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	BcdRelation *relation = palloc0(sizeof(BcdRelation));
	BcdCost		cost;
	ListCell   *lc;

	rel->fdw_private = relation;
	relation->table = bcd_foreign_table(relid);
	relation->rti = rel->relid;
	relation->columns = columns_needed(root, rel, relation->table);
	(void) bcd_requests_shown(relation->table, relation->columns, &relation->limit);
	relation->total = bcd_cost_total(relation->table, rel);
	relation->all_exact = true;
	foreach(lc, rel->baserestrictinfo)
	{
		BcdCondition *condition = palloc0(sizeof(BcdCondition));

		if (bcd_condition(root, relation->table, rel->relid, lfirst_node(RestrictInfo, lc)->clause, condition))
			relation->conditions = lappend(relation->conditions, condition);
		else
			relation->all_exact = false;
	}
	relation->all_exact = relation->all_exact && bcd_conditions_are_exact(relation->table, relation->conditions);
	rel->tuples = relation->total;
	set_baserel_size_estimates(root, rel);
	bcd_cost(root, rel, relation, relation->conditions, NULL, &cost);
	rel->rows = cost.rows;
}

/* Returns whether the rows come in the order of their ids, and that is wanted. */
static List *
order_by_id(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation)
{
	PathKey    *key;
	ListCell   *lc;

	if (relation->table->resource->list_after == NULL || root->query_pathkeys == NIL)
		return NIL;
	/* the requests for a list of other values are in the order of these */
	foreach(lc, relation->conditions)
	{
		const BcdCondition *condition = lfirst(lc);

		if (condition->filter->by == BCD_BY_IN && strcmp(condition->filter->field, relation->table->resource->id) != 0)
			return NIL;
	}
	key = linitial_node(PathKey, root->query_pathkeys);
	if (!bcd_pathkey_ascends(key) || key->pk_nulls_first || key->pk_eclass->ec_has_volatile)
		return NIL;
	foreach(lc, key->pk_eclass->ec_members)
	{
		const EquivalenceMember *member = lfirst(lc);
		const Var  *var = (const Var *) member->em_expr;
		const BcdColumn *column;

		if (!IsA(var, Var) || var->varno != rel->relid || member->em_is_child)
			continue;
		column = bcd_table_column(relation->table, var->varattno);
		if (column && column->is_id && bcd_column_is_plain(column))
			return list_make1(key);
	}
	return NIL;
}

static void
add_scan(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation, List *conditions,
		 List *pathkeys, ParamPathInfo *param)
{
	BcdCost		cost;

	bcd_cost(root, rel, relation, conditions, param, &cost);
	add_path(rel, (Path *) bcd_create_foreignscan_path(root, rel, cost.rows, cost.startup, cost.total,
													   pathkeys, param ? param->ppi_req_outer : rel->lateral_relids,
													   list_make1(makeInteger((int) Min(cost.calls, PG_INT32_MAX)))));
}

/* Adds a path that takes values from the tables of a clause. */
static void
add_looked_up(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation, RestrictInfo *clause, List **done)
{
	BcdCondition *condition = palloc0(sizeof(BcdCondition));
	List	   *conditions = list_copy(relation->conditions);
	Relids		outer;
	ParamPathInfo *param;
	ListCell   *lc;

	if (!join_clause_is_movable_to(clause, rel) ||
		!bcd_condition(root, relation->table, rel->relid, clause->clause, condition))
		return;
	outer = bms_union(clause->clause_relids, rel->lateral_relids);
	outer = bms_del_member(outer, rel->relid);
	if (bms_is_empty(outer))
		return;
	foreach(lc, *done)
		if (bms_equal(lfirst(lc), outer))
		return;
	*done = lappend(*done, outer);
	param = get_baserel_parampathinfo(root, rel, outer);
	foreach(lc, param->ppi_clauses)
	{
		BcdCondition *other = palloc0(sizeof(BcdCondition));

		if (bcd_condition(root, relation->table, rel->relid, lfirst_node(RestrictInfo, lc)->clause, other))
			conditions = lappend(conditions, other);
	}
	add_scan(root, rel, relation, conditions, NIL, param);
}

/* Is this the column that is looked at, of the class of what it is equal to? */
static bool
is_looked_up(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class, EquivalenceMember *member, void *arg)
{
	Lookup	   *lookup = arg;
	const Var  *var = (const Var *) member->em_expr;

	if (lookup->current)
		return equal(member->em_expr, lookup->current);
	if (!IsA(var, Var) || var->varno != rel->relid || list_member(lookup->done, member->em_expr) ||
		!bcd_column_is_looked_up(lookup->table, var->varattno))
		return false;
	lookup->current = member->em_expr;
	return true;
}

/* Adds paths that take values from other tables. */
static void
add_lookups(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation)
{
	Lookup		lookup = {relation->table};
	List	   *done = NIL;
	ListCell   *lc;

	foreach(lc, rel->joininfo)
		add_looked_up(root, rel, relation, lfirst(lc), &done);
	while (rel->has_eclass_joins)
	{
		List	   *clauses;

		lookup.current = NULL;
		clauses = generate_implied_equalities_for_column(root, rel, is_looked_up, &lookup, rel->lateral_referencers);
		if (lookup.current == NULL)
			break;
		foreach(lc, clauses)
			add_looked_up(root, rel, relation, lfirst(lc), &done);
		lookup.done = lappend(lookup.done, lookup.current);
	}
}

/* GetForeignPaths */
void
bcd_plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	BcdRelation *relation = rel->fdw_private;

	add_scan(root, rel, relation, relation->conditions, order_by_id(root, rel, relation), NULL);
	add_lookups(root, rel, relation);
}

/* Is count(*) all that a query wants to know? */
static bool
only_counts(const Query *query)
{
	const TargetEntry *target;
	const Aggref *count;

	if (list_length(query->targetList) != 1 || query->groupClause || query->groupingSets ||
		query->havingQual || query->hasWindowFuncs || query->hasTargetSRFs || query->distinctClause)
		return false;
	target = linitial_node(TargetEntry, query->targetList);
	count = (const Aggref *) target->expr;
	return IsA(count, Aggref) && count->aggfnoid == BCD_F_COUNT_ANY_ROW && count->aggfilter == NULL &&
		count->agglevelsup == 0;
}

/*
 * GetForeignUpperPaths: the store itself says how many records a list has, if
 * the query wants just those.
 */
void
bcd_plan_count(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output, void *extra)
{
	const BcdRelation *relation = input->fdw_private;
	double		calls;
	Cost		total;

	if (stage != UPPERREL_GROUP_AGG || input->reloptkind != RELOPT_BASEREL || relation == NULL ||
		output->fdw_private || !relation->all_exact || relation->table->resource->uncounted || !only_counts(root->parse))
		return;
	calls = bcd_cost_of_count(root, relation);
	/* such replies are short */
	total = calls * BCD_CALL_COST * seq_page_cost * 0.9;
	output->fdw_private = (void *) relation;
	add_path(output, (Path *) bcd_create_foreign_upper_path(root, output, root->upper_targets[UPPERREL_GROUP_AGG],
															1, total, total,
															list_make1(makeInteger((int) calls))));
}
