/*
 * engine.c
 *		The active runs of the worker, and the stores it talks to.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "engine/engine.h"

BcdEngine	bcd_engine;

/* Sets the kinds of runs, a list that ends with NULL. */
void
bcd_engine_init(const BcdRunKind *const *kinds)
{
	bcd_engine.kinds = kinds;
	dlist_init(&bcd_engine.runs);
	dlist_init(&bcd_engine.stores);
	bcd_engine.started_at = GetCurrentTimestamp();
}

BcdRun *
bcd_run_find(int64 run_id)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bcd_engine.runs)
	{
		BcdRun	   *run = dlist_container(BcdRun, node, iter.cur);

		if (run->run_id == run_id)
			return run;
	}
	return NULL;
}
