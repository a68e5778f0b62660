/*
 * run_undoable.h
 *		What rollbacks of the last runs would take, for papers.
 */
#ifndef BCD_TABLE_RUN_UNDOABLE_H
#define BCD_TABLE_RUN_UNDOABLE_H

#include "tables/report_scope.h"

/* What can be undone of a run, or of all since a time */
typedef struct BcdUndoCost
{
	int64		run_id;
	TimestampTz since;			/* when it began */
	int64		records;
	int64		calls;
} BcdUndoCost;

extern List *bcd_runs_undoable(const BcdScope *scope);

#endif							/* BCD_TABLE_RUN_UNDOABLE_H */
