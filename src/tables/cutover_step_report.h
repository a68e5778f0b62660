/*
 * cutover_step_report.h
 *		The steps of a plan, as papers and reports show them.
 */
#ifndef BCD_TABLE_CUTOVER_STEP_REPORT_H
#define BCD_TABLE_CUTOVER_STEP_REPORT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct BcdStepShown
{
	int32		step;
	char	   *name;
	char	   *kind;
	char	   *detail;			/* NULL: none */
	TimestampTz due_at;
	TimestampTz not_after;		/* -infinity: it is never too late */
	double		every;			/* in seconds; 0: once */
	char	   *state;
	int64		run_id;			/* 0: none */
	char	   *measured;		/* NULL: nothing */
	char	   *note;			/* likewise */
	TimestampTz started_at;		/* -infinity: it has not */
	TimestampTz done_at;		/* likewise */
	char	   *done_by;		/* NULL: the worker */
} BcdStepShown;

extern List *bcd_steps_shown(int64 plan_id);

#endif							/* BCD_TABLE_CUTOVER_STEP_REPORT_H */
