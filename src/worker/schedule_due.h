/*
 * schedule_due.h
 *		Starts the schedules that are due.
 */
#ifndef BCD_SCHEDULE_DUE_H
#define BCD_SCHEDULE_DUE_H

#include "datatype/timestamp.h"

extern TimestampTz bcd_schedules_due(void);

#endif							/* BCD_SCHEDULE_DUE_H */
