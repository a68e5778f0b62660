/*
 * plan_cost.c
 *		What scans of foreign tables cost.
 *
 * What is dear is a call of the API: it takes some hundred milliseconds, and
 * the store allows only so many. So costs are calls: each is worth as much as
 * reading some thousand local pages, and all else hardly counts. Then the
 * planner rightly looks up a dozen records one by one, and joins ten thousand
 * with the whole list.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/selfuncs.h"

#include "base/compat.h"
#include "foreign/plan.h"
#include "foreign/totals.h"

/* Records of a list of which nothing is known */
#define UNKNOWN_TOTAL	10000

/* How many records the list of a table has, as far as is known */
double
bcd_cost_total(const BcdTable *table, const RelOptInfo *rel)
{
	int64		total = bcd_total_known(table->serverid, table->resource);

	if (total >= 0)
		return (double) total;
	/* by ANALYZE; before 14 it is 0 if there was none */
	if (rel->tuples > 0)
		return rel->tuples;
	if (table->resource->small)
		return UNKNOWN_TOTAL / 10.0;
	return UNKNOWN_TOTAL;
}

/* How many values a condition compares a field with */
static double
values_of(PlannerInfo *root, const BcdCondition *condition)
{
	Node	   *value = (Node *) condition->value;

	if (!condition->array)
		return 1;
	if (IsA(value, Const) && !((Const *) value)->constisnull)
	{
		ArrayType  *array = DatumGetArrayTypeP(((Const *) value)->constvalue);

		return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	}
	if (IsA(value, ArrayExpr))
		return list_length(((ArrayExpr *) value)->elements);
	return bcd_estimate_array_length(root, value);
}

/* Does every record have another value of the field? */
static bool
is_key(const BcdResource *r, const char *field)
{
	return strcmp(field, r->id) == 0 || (r->parent == NULL && strcmp(field, bcd_resource_key(r, 0)) == 0);
}

/*
 * Estimates how many records a list with these conditions has; if one of them
 * is a list of values, *spread gets the number of values that are asked for.
 */
static double
records_listed(PlannerInfo *root, const BcdRelation *relation, List *conditions, double *spread)
{
	double		records = relation->total;
	ListCell   *lc;

	*spread = 0;
	foreach(lc, conditions)
	{
		const BcdCondition *condition = lfirst(lc);
		double		n = values_of(root, condition);
		BcdFilterBy by = condition->filter->by;

		if (by == BCD_BY_IN && (*spread == 0 || n < *spread))
			*spread = n;
		if ((by == BCD_BY_EQUAL || by == BCD_BY_IN) && is_key(relation->table->resource, condition->filter->field))
			records = Min(records, n);
		else
			records *= clause_selectivity(root, (Node *) condition->clause, (int) relation->rti, JOIN_INNER, NULL);
	}
	return records;
}

/*
 * Estimates a scan that asks the store for these conditions.  param: what other
 * tables give it, or NULL.
 */
void
bcd_cost(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation,
		 List *conditions, ParamPathInfo *param, BcdCost *cost)
{
	double		spread;
	double		records = records_listed(root, relation, conditions, &spread);
	double		per_call = BCD_CALL_COST * seq_page_cost;

	cost->calls = Max(ceil(records / relation->limit), 1);
	cost->calls = Max(cost->calls, ceil(spread / relation->limit));
	cost->rows = clamp_row_est(Min(param ? param->ppi_rows : rel->rows, records));
	/* the first row needs the first page */
	cost->startup = per_call + rel->baserestrictcost.startup;
	cost->total = cost->startup + (cost->calls - 1) * per_call +
		records * (cpu_tuple_cost + rel->baserestrictcost.per_tuple);
}

/* How many calls it takes to count the records that a query wants */
double
bcd_cost_of_count(PlannerInfo *root, const BcdRelation *relation)
{
	double		spread;

	(void) records_listed(root, relation, relation->conditions, &spread);
	return Max(ceil(spread / relation->limit), 1);
}
