/*
 * schedule_papers.h
 *		Schedules, as papers show them.
 */
#ifndef BCD_TABLE_SCHEDULE_PAPERS_H
#define BCD_TABLE_SCHEDULE_PAPERS_H

#include "tables/report_scope.h"

typedef struct BcdScheduleShown
{
	char	   *name;
	char	   *feed;			/* NULL: all feeds of the server */
	char	   *kind;
	char	   *mode;			/* of a verify; NULL: full */
	double		every;			/* in seconds; 0: once */
	char	   *hours;			/* NULL: at any hour */
	char	   *time_zone;
	char	   *alert;
	TimestampTz next_run_at;	/* -infinity: it is not due any more */
	char	   *last_error;		/* NULL: none */
} BcdScheduleShown;

extern List *bcd_schedules_shown(const BcdScope *scope);

#endif							/* BCD_TABLE_SCHEDULE_PAPERS_H */
