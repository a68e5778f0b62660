/*
 * plans_fit.c
 *		Renews plans when their tables have grown.
 *
 * Plans are kept, and plans made while a table was small may read all of it
 * later: to the planner, one index is as good as another then. Before it takes
 * on more rows, the worker has its plans made again if the tables have twice
 * the pages, whether or not they have been analyzed.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "base/bcdelta.h"
#include "base/db.h"

/* In a transaction. */
void
bcd_plans_fit(void)
{
	static const char *const tables[] = {"pending", "link", "move"};
	static BlockNumber planned[lengthof(tables)];
	Oid			schema = get_namespace_oid(BCD_EXTENSION, true);
	bool		grown = false;
	int			i;

	for (i = 0; i < lengthof(tables); i++)
	{
		Oid			relid = get_relname_relid(tables[i], schema);
		Relation	relation = OidIsValid(relid) ? table_open(relid, AccessShareLock) : NULL;
		BlockNumber pages;

		if (relation == NULL)
			continue;
		pages = RelationGetNumberOfBlocks(relation);
		table_close(relation, AccessShareLock);
		if (pages / 2 < planned[i] || pages == 0)
			continue;
		planned[i] = Max(pages, 1);
		grown = true;
	}
	if (grown)
		ResetPlanCache();
}
