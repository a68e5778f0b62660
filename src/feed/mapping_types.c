/*
 * mapping_types.c
 *		The SQL types of the expressions of a mapping.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/plancache.h"

#include "feed/feed.h"
#include "feed/mapping_guard.h"
#include "feed/mapping_types.h"

typedef struct Typing
{
	const BcdFeed *feed;
	Oid		   *types;
} Typing;

/* As the owner, whose search_path and rights the expressions need */
static void
analyze(void *arg)
{
	Typing	   *t = arg;
	char	   *sql = bcd_feed_select(t->feed, NULL);
	SPIPlanPtr	plan;
	CachedPlanSource *source;
	Query	   *query;
	int			i;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	query = linitial_node(Query, source->query_list);
	for (i = 0; i < t->feed->nfields; i++)
		t->types[i] = exprType((Node *) list_nth_node(TargetEntry, query->targetList, i)->expr);
	SPI_freeplan(plan);
	SPI_finish();
}

/*
 * Returns the type of each expression, in the order of the feed's fields;
 * palloc'd.  Nothing is evaluated.
 */
Oid *
bcd_mapping_types(const BcdFeed *feed)
{
	Typing		typing = {feed, palloc0(sizeof(Oid) * Max(feed->nfields, 1))};

	bcd_guard_run(feed, NULL, 1, analyze, &typing);
	return typing.types;
}
