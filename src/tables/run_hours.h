/*
 * run_hours.h
 *		bcdelta.run: runs that pause outside the hours of their schedules.
 */
#ifndef BCD_TABLE_RUN_HOURS_H
#define BCD_TABLE_RUN_HOURS_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A run that pauses, and the hours of its schedule */
typedef struct BcdPausedRun
{
	int64		run_id;
	TimestampTz until;
	char	   *schedule;
	bool		removed;		/* the schedule does not exist any more */
	char	   *hours;			/* NULL: it has none */
	char	   *zone;
} BcdPausedRun;

extern bool bcd_run_hours(int64 run_id, char **hours, char **zone);
extern List *bcd_runs_paused(void);
extern void bcd_run_pause_until(int64 run_id, TimestampTz until);

#endif							/* BCD_TABLE_RUN_HOURS_H */
