/*
 * handler.c
 *		The handler of the foreign-data wrapper.
 */
#include "postgres.h"

#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"

static void
get_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign tables of BigCommerce stores cannot be read yet")));
}

PG_FUNCTION_INFO_V1(bcdelta_handler);

/* The functions that PostgreSQL calls for foreign tables of ours. */
Datum
bcdelta_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = get_rel_size;
	PG_RETURN_POINTER(routine);
}
