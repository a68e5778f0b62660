/*
 * cutover_report.h
 *		The plan of a cutover, as papers and reports show it.
 */
#ifndef BCD_TABLE_CUTOVER_REPORT_H
#define BCD_TABLE_CUTOVER_REPORT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct BcdPlanShown
{
	int64		plan_id;
	TimestampTz go_live;
	TimestampTz freeze_at;		/* as planned */
	TimestampTz watch_end;
	char	   *hours;
	char	   *time_zone;
	double		freeze_seconds;
	Jsonb	   *stop;
	char	   *state;
	bool		held;
	char	   *held_reason;	/* NULL: nobody has called go() yet */
	TimestampTz went_live_at;	/* -infinity: it has not */
	char	   *override_note;	/* NULL: nobody has overruled the check */
	char	   *owner;
	TimestampTz made_at;
} BcdPlanShown;

extern bool bcd_plan_shown(const char *server, BcdPlanShown *plan);

#endif							/* BCD_TABLE_CUTOVER_REPORT_H */
