/*
 * schedule_hours.h
 *		Keeps the runs of schedules within their hours.
 */
#ifndef BCD_SCHEDULE_HOURS_H
#define BCD_SCHEDULE_HOURS_H

#include "datatype/timestamp.h"

extern void bcd_hours_begin(int64 run_id);
extern void bcd_hours_look(void);
extern TimestampTz bcd_hours_reopen(void);

#endif							/* BCD_SCHEDULE_HOURS_H */
