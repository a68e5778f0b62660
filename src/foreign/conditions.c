/*
 * conditions.c
 *		Which conditions of a query the store can evaluate.
 *
 * A condition that becomes a parameter of the request only saves calls: the
 * executor checks all of them again. So it is enough that the store returns at
 * least the records for which a condition is true, which is what the filters of
 * the descriptors promise.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "foreign/conditions.h"

static const BcdFilter *
find_filter(const BcdResource *r, const char *field, BcdFilterBy by)
{
	const BcdFilter *filter;

	for (filter = r->filters; filter && filter->field; filter++)
		if (filter->by == by && strcmp(filter->field, field) == 0)
			return filter;
	return NULL;
}

/* The column that an expression is, if its filters can be used, or NULL */
static const BcdColumn *
column_of(const BcdTable *table, Index rti, Node *node)
{
	const Var  *var = (Var *) node;
	const BcdColumn *column;

	if (!IsA(node, Var) || var->varno != rti || var->varlevelsup != 0)
		return NULL;
	column = bcd_table_column(table, var->varattno);
	return column && column->name && bcd_column_is_plain(column) ? column : NULL;
}

/* May a value be computed before the request is made? */
static bool
is_value(PlannerInfo *root, Index rti, Node *node)
{
	return !bms_is_member(rti, bcd_pull_varnos(root, node)) &&
		!contain_volatile_functions(node) && !contain_subplans(node);
}

/*
 * Returns a value in a form whose text the store understands, or NULL: a
 * timestamp with time zone for a date, any integer, text, or a boolean.
 */
static Expr *
coerce_value(const BcdColumn *column, Expr *value, bool array)
{
	Oid			type = exprType((Node *) value);
	Oid			element = array ? get_element_type(type) : type;

	/* a day far in the future is no moment, and would be an error */
	if (element == DATEOID && IsA(value, Const) && !((Const *) value)->constisnull)
	{
		int			overflow = 0;

		(void) date2timestamptz_opt_overflow(DatumGetDateADT(((Const *) value)->constvalue), &overflow);
		if (overflow != 0)
			return NULL;
	}
	if (column->type == TIMESTAMPTZOID && !array && element != TIMESTAMPTZOID)
		return (Expr *) coerce_to_target_type(NULL, (Node *) value, element, TIMESTAMPTZOID, -1,
											  COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	if (column->type == INT8OID || column->type == INT4OID)
		return element == INT8OID || element == INT4OID || element == INT2OID ? value : NULL;
	return element == column->type ? value : NULL;
}

/*
 * The filter for a comparison, and whether it lets through exactly the records
 * for which that is true.  A list of one value is as good as the value.
 */
static const BcdFilter *
filter_for(const BcdTable *table, const BcdColumn *column, int strategy, bool array, bool *exact)
{
	const BcdResource *r = table->resource;
	const BcdFilter *filter = NULL;
	const BcdFilter *wider = NULL;

	switch (strategy)
	{
		case BTEqualStrategyNumber:
			if (!array)
				filter = find_filter(r, column->name, BCD_BY_EQUAL);
			if (filter == NULL)
				filter = find_filter(r, column->name, BCD_BY_IN);
			break;
		case BTGreaterEqualStrategyNumber:
			filter = find_filter(r, column->name, BCD_BY_MIN);
			break;
		case BTLessEqualStrategyNumber:
			filter = find_filter(r, column->name, BCD_BY_MAX);
			break;
		case BTGreaterStrategyNumber:
			filter = find_filter(r, column->name, BCD_BY_GREATER);
			wider = find_filter(r, column->name, BCD_BY_MIN);
			break;
		case BTLessStrategyNumber:
			filter = find_filter(r, column->name, BCD_BY_LESS);
			wider = find_filter(r, column->name, BCD_BY_MAX);
			break;
	}
	*exact = filter && filter->exact;
	return filter ? filter : wider;
}

/* column op value */
static bool
compare(const BcdTable *table, const BcdColumn *column, Oid op, Oid collation,
		Expr *value, bool array, BcdCondition *condition)
{
	Oid			family = lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	int			strategy = get_op_opfamily_strategy(op, family);

	/*
	 * a collation for which different texts are equal has its own idea of
	 * case
	 */
	if (strategy == 0 || (array && strategy != BTEqualStrategyNumber) || (OidIsValid(collation) && !get_collation_isdeterministic(collation)))
		return false;
	condition->filter = filter_for(table, column, strategy, array, &condition->exact);
	condition->value = condition->filter ? coerce_value(column, value, array) : NULL;
	condition->array = array;
	return condition->value != NULL;
}

static bool
compare_either_way(PlannerInfo *root, const BcdTable *table, Index rti, const OpExpr *op, BcdCondition *condition)
{
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	const BcdColumn *column = column_of(table, rti, left);
	Oid			commuted;

	if (column && is_value(root, rti, right))
		return compare(table, column, op->opno, op->inputcollid, (Expr *) right, false, condition);
	column = column_of(table, rti, right);
	commuted = column ? get_commutator(op->opno) : InvalidOid;
	return OidIsValid(commuted) && is_value(root, rti, left) &&
		compare(table, column, commuted, op->inputcollid, (Expr *) left, false, condition);
}

/* A boolean column by itself */
static bool
is_flag(const BcdTable *table, Index rti, Node *node, bool wanted, BcdCondition *condition)
{
	const BcdColumn *column = column_of(table, rti, node);

	if (column == NULL || column->type != BOOLOID)
		return false;
	condition->filter = find_filter(table->resource, column->name, BCD_BY_EQUAL);
	condition->value = (Expr *) makeBoolConst(wanted, false);
	condition->array = false;
	condition->exact = condition->filter && condition->filter->exact;
	return condition->filter != NULL;
}

/* The array of some values, if they are of one type, or NULL */
static Expr *
array_of(List *values)
{
	ArrayExpr  *array = makeNode(ArrayExpr);
	Oid			type = exprType(linitial(values));
	ListCell   *lc;

	array->array_typeid = get_array_type(type);
	array->element_typeid = type;
	array->elements = values;
	array->location = -1;
	foreach(lc, values)
		if (exprType(lfirst(lc)) != type)
		return NULL;
	return OidIsValid(array->array_typeid) ? (Expr *) array : NULL;
}

/* column = value OR column = value ...: as good as a list of the values */
static bool
is_any_of(PlannerInfo *root, const BcdTable *table, Index rti, const BoolExpr *clause, BcdCondition *condition)
{
	List	   *values = NIL;
	const char *field = NULL;
	ListCell   *lc;

	foreach(lc, clause->args)
	{
		BcdCondition one = {0};

		if (!IsA(lfirst(lc), OpExpr) || list_length(((OpExpr *) lfirst(lc))->args) != 2 ||
			!compare_either_way(root, table, rti, lfirst(lc), &one) ||
			(one.filter->by != BCD_BY_EQUAL && one.filter->by != BCD_BY_IN) ||
			(field && strcmp(field, one.filter->field) != 0))
			return false;
		field = one.filter->field;
		values = lappend(values, one.value);
	}
	condition->filter = find_filter(table->resource, field, BCD_BY_IN);
	condition->value = condition->filter ? array_of(values) : NULL;
	condition->array = true;
	condition->exact = condition->filter && condition->filter->exact;
	return condition->value != NULL;
}

/*
 * Can the store evaluate a condition on a table, at least roughly?  Its value may
 * come from other tables.
 */
bool
bcd_condition(PlannerInfo *root, const BcdTable *table, Index rti, Expr *clause, BcdCondition *condition)
{
	Node	   *node = (Node *) clause;

	condition->clause = clause;
	if (table->resource->filters == NULL)
		return false;
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
		return compare_either_way(root, table, rti, (OpExpr *) node, condition);
	if (IsA(node, ScalarArrayOpExpr))
	{
		const ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) node;
		const BcdColumn *column = column_of(table, rti, linitial(any->args));

		return any->useOr && column && is_value(root, rti, lsecond(any->args)) &&
			compare(table, column, any->opno, any->inputcollid, lsecond(any->args), true, condition);
	}
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == OR_EXPR)
		return is_any_of(root, table, rti, (BoolExpr *) node, condition);
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR)
		return is_flag(table, rti, linitial(((BoolExpr *) node)->args), false, condition);
	if (IsA(node, BooleanTest))
	{
		const BooleanTest *test = (BooleanTest *) node;

		return (test->booltesttype == IS_TRUE || test->booltesttype == IS_FALSE) &&
			is_flag(table, rti, (Node *) test->arg, test->booltesttype == IS_TRUE, condition);
	}
	return is_flag(table, rti, node, true, condition);
}

/*
 * Is it certain that the store will be asked for a value?  Not for the number
 * of no record, nor for a text that its field cannot have, as bcd_requests
 * know: so such values must be known already.
 */
static bool
is_surely_asked(const BcdTable *table, const BcdCondition *condition)
{
	const BcdField *field = bcd_resource_field(table->resource, condition->filter->field);
	const Const *value = (const Const *) condition->value;
	int			i;

	if (!condition->filter->not_zero && (field == NULL || field->type != BCD_STRING))
		return true;
	if (condition->array || !IsA(value, Const) || value->constisnull)
		return false;
	switch (value->consttype)
	{
		case INT2OID:
			return DatumGetInt16(value->constvalue) != 0;
		case INT4OID:
			return DatumGetInt32(value->constvalue) != 0;
		case INT8OID:
			return DatumGetInt64(value->constvalue) != 0;
		case TEXTOID:
			for (i = 0; field && field->values && field->values[i]; i++)
				if (strcmp(field->values[i], TextDatumGetCString(value->constvalue)) == 0)
					return true;
	}
	return false;
}

static bool
is_lower_bound(const BcdFilter *filter)
{
	return filter->by == BCD_BY_MIN || filter->by == BCD_BY_GREATER;
}

static bool
is_upper_bound(const BcdFilter *filter)
{
	return filter->by == BCD_BY_MAX || filter->by == BCD_BY_LESS;
}

/*
 * Do two filters limit a list as AND does?  Of several parameters for one field,
 * that is documented for bounds of a range only.
 */
static bool
are_independent(const BcdFilter *a, const BcdFilter *b)
{
	return strcmp(a->field, b->field) != 0 || (is_lower_bound(a) && is_upper_bound(b)) ||
		(is_upper_bound(a) && is_lower_bound(b));
}

/*
 * Does the store list exactly the records for which all conditions are true,
 * each of which is exact by itself?  A request has each parameter once, and one
 * list of values that is surely complete.
 */
bool
bcd_conditions_are_exact(const BcdTable *table, List *conditions)
{
	int			lists = 0;
	int			i;
	int			j;

	for (i = 0; i < list_length(conditions); i++)
	{
		const BcdCondition *condition = list_nth(conditions, i);

		lists += condition->array;
		if (!condition->exact || !is_surely_asked(table, condition))
			return false;
		for (j = 0; j < i; j++)
			if (!are_independent(((const BcdCondition *) list_nth(conditions, j))->filter, condition->filter))
				return false;
	}
	return lists <= 1;
}

/* Can records be looked up by the values of a column? */
bool
bcd_column_is_looked_up(const BcdTable *table, int attnum)
{
	const BcdColumn *column = bcd_table_column(table, attnum);

	return column && column->name && bcd_column_is_plain(column) &&
		(find_filter(table->resource, column->name, BCD_BY_EQUAL) || find_filter(table->resource, column->name, BCD_BY_IN));
}
