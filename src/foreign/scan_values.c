/*
 * scan_values.c
 *		The values to which a scan limits the list it reads.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "foreign/scan_state.h"

/*
 * A moment as the API reads it.  It has whole seconds, and whether it belongs to
 * the range that it bounds is not documented: it is moved outwards.
 */
static char *
moment_text(TimestampTz t, bool upwards)
{
	TimestampTz second = t - ((t % USECS_PER_SEC) + USECS_PER_SEC) % USECS_PER_SEC;
	struct pg_tm tm;
	fsec_t		fsec;

	second += upwards ? 2 * USECS_PER_SEC : -USECS_PER_SEC;
	if (TIMESTAMP_NOT_FINITE(t) || !IS_VALID_TIMESTAMP(second) ||
		timestamp2tm(second, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 1 || tm.tm_year > 9999)
		return NULL;
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The text of a value, or NULL if the store cannot be asked for it */
char *
bcd_scan_value_text(const BcdFilter *filter, Oid type, Datum value)
{
	Oid			output;
	bool		varlena;
	char	   *text;

	if (type == BOOLOID)
		return pstrdup(DatumGetBool(value) ? "true" : "false");
	if (type == TIMESTAMPTZOID)
		return moment_text(DatumGetTimestampTz(value), filter->by == BCD_BY_MAX || filter->by == BCD_BY_LESS);
	getTypeOutputInfo(type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	text = pg_server_to_any(text, strlen(text), PG_UTF8);
	/* of a database without an encoding, it may be anything */
	return pg_verify_mbstr(PG_UTF8, text, strlen(text), true) ? text : NULL;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static int
compare_numbers(const void *a, const void *b)
{
	int64		x = strtoll(*(char *const *) a, NULL, 10);
	int64		y = strtoll(*(char *const *) b, NULL, 10);

	return x < y ? -1 : x > y;
}

/* Sorts values, and removes those that occur again.  Returns their number. */
static int
sort_values(char **values, int n, bool numbers)
{
	int			kept = 0;
	int			i;

	qsort(values, n, sizeof(char *), numbers ? compare_numbers : compare_texts);
	for (i = 0; i < n; i++)
		if (kept == 0 || strcmp(values[kept - 1], values[i]) != 0)
			values[kept++] = values[i];
	return kept;
}

/* Limits the list to those that equal an element of an array. */
static void
limit_to_any(BcdForeignScan *scan, const BcdFilter *filter, ArrayType *array)
{
	Oid			type = ARR_ELEMTYPE(array);
	Datum	   *elements;
	bool	   *nulls;
	char	  **values;
	int16		len;
	bool		byval;
	char		align;
	int			n;
	int			used = 0;
	int			i;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(array, type, len, byval, align, &elements, &nulls, &n);
	values = palloc(sizeof(char *) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		values[used] = bcd_scan_value_text(filter, type, elements[i]);
		/* the store cannot be asked for one of them: it is asked for all */
		if (values[used++] == NULL)
			return;
	}
	scan->nothing |= used == 0;
	used = sort_values(values, used, type != TEXTOID);
	if (used > 0)
		(void) bcd_requests_limit_to(&scan->requests, filter, values, used);
}

static bool
has_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, has_param, context);
}

/* Is the value of a filter the same, whatever the rows of other tables are? */
bool
bcd_scan_is_fixed(const BcdForeignScan *scan, int nth)
{
	const ExprState *state = list_nth(scan->values, nth);

	return !has_param((Node *) state->expr, NULL);
}

/*
 * Evaluates the values of a scan's filters, or only of those with the same value
 * for all rows of other tables.  A condition that is never true, as its value is
 * null, needs no request.
 */
void
bcd_scan_evaluate(BcdForeignScan *scan, ExprContext *econtext, bool fixed)
{
	MemoryContext old = MemoryContextSwitchTo(scan->values_cxt);
	int			i;

	bcd_requests_begin(&scan->requests, scan->table, scan->shown, scan->limit);
	scan->requests.counts = (scan->flags & BCD_SCAN_COUNTS) != 0;
	scan->nothing = false;
	for (i = 0; i < scan->nfilters; i++)
	{
		ExprState  *state = list_nth(scan->values, i);
		bool		isnull;
		Datum		value;
		char	   *text;

		if (fixed && !bcd_scan_is_fixed(scan, i))
			continue;
		value = ExecEvalExpr(state, econtext, &isnull);
		if (isnull)
			scan->nothing = true;
		else if (scan->arrays[i])
			limit_to_any(scan, scan->filters[i], DatumGetArrayTypeP(value));
		else if ((text = bcd_scan_value_text(scan->filters[i], exprType((Node *) state->expr), value)) != NULL)
		{
			char	  **values = palloc(sizeof(char *));

			values[0] = text;
			(void) bcd_requests_limit_to(&scan->requests, scan->filters[i], values, 1);
		}
	}
	bcd_requests_ready(&scan->requests);
	MemoryContextSwitchTo(old);
}
