/*
 * schedule_due.h
 *		Starts the schedules that are due.
 */
#ifndef BCD_SCHEDULE_DUE_H
#define BCD_SCHEDULE_DUE_H

#include "datatype/timestamp.h"

#include "tables/schedule.h"

/*
 * Starts a run for a schedule. Sets *run_id, or sets *error to the reason why
 * no run was started. May raise an error.
 */
typedef void (*BcdStartRun) (const BcdScheduleRow *schedule, char **error, int64 *run_id);

extern TimestampTz bcd_schedules_due(BcdStartRun start);

#endif							/* BCD_SCHEDULE_DUE_H */
