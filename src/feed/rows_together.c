/*
 * rows_together.c
 *		Can rows of a source be read by one query?
 *
 * Their outcomes must be the same as if each row were read alone.  The executor
 * computes some parts of a query only once for all rows: a subquery that does
 * not depend on the row, and what is under a hash table or a sort in one that
 * does.  A function in such a part is called for the first row only; but a
 * reference has to be noted for each row that it concerns, and a random value
 * must not be that of another row.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "feed/feed.h"
#include "feed/row.h"

/* Is a function one that may note something, or may return another value each time? */
static bool
is_unsteady(Oid function, void *context)
{
	char		volatility = func_volatile(function);

	return volatility == PROVOLATILE_VOLATILE ||
		(volatility == PROVOLATILE_STABLE && function >= FirstNormalObjectId);
}

static bool
has_unsteady(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_unsteady, context))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_unsteady, context, 0);
	return expression_tree_walker(node, has_unsteady, context);
}

/* A place in a query */
typedef struct Place
{
	int			depth;			/* of the query around it; the whole: 0 */
	bool		inside;			/* a subquery of an expression */
} Place;

static bool
depends_on_outside(Query *query, int depth)
{
	int			level;

	for (level = 1; level <= depth; level++)
		if (contain_vars_of_level((Node *) query, level))
			return true;
	return false;
}

/* May something that a subquery reads be kept for the next row?  What it selects is not. */
static bool
reads_unsteady(Query *query)
{
	ListCell   *lc;

	if (has_unsteady((Node *) query->jointree, NULL))
		return true;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (has_unsteady((Node *) rte->functions, NULL) || has_unsteady((Node *) rte->values_lists, NULL))
			return true;
	}
	return false;
}

static bool
has_shared(Node *node, void *context)
{
	const Place *at = context;
	Place		within = *at;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
	{
		within.inside = true;
		return expression_tree_walker(node, has_shared, &within);
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, has_shared, context);
	within.depth++;
	if (at->inside && !depends_on_outside((Query *) node, within.depth))
		return has_unsteady(node, NULL);
	if (at->inside && reads_unsteady((Query *) node))
		return true;
	return query_tree_walker((Query *) node, has_shared, &within, 0);
}

/*
 * Does a query that reads several rows compute for one of them what may have to
 * be computed for each?  The plan has just been made.
 */
bool
bcd_plan_shares(SPIPlanPtr plan)
{
	Place		top = {-1, false};
	ListCell   *source;
	ListCell   *query;

	foreach(source, SPI_plan_get_plan_sources(plan))
		foreach(query, ((CachedPlanSource *) lfirst(source))->query_list)
		if (has_shared(lfirst(query), &top))
		return true;
	return false;
}

/* Can rows of the source be read together, as far as it is known? */
bool
bcd_rows_together(const BcdFeed *feed)
{
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		if (!OidIsValid(get_array_type(feed->keys[i].type)))
			return false;
	return !feed->apart && get_rel_relkind(feed->source) == RELKIND_RELATION;
}
