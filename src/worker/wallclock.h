/*
 * wallclock.h
 *		When schedules are due in the local time of a time zone.
 */
#ifndef BCD_WALLCLOCK_H
#define BCD_WALLCLOCK_H

#include "datatype/timestamp.h"

#include "worker/schedule_time.h"

extern int64 bcd_period_us(const Interval *every);
extern void bcd_hours_read(const char *text, BcdHours *hours);
extern TimestampTz bcd_hours_next(TimestampTz at, const BcdHours *hours, const char *zone_name);
extern TimestampTz bcd_hours_end(TimestampTz at, const BcdHours *hours, const char *zone_name);
extern TimestampTz bcd_hours_opening(TimestampTz at, const BcdHours *hours, const char *zone_name);
extern TimestampTz bcd_wallclock_next(TimestampTz first, int64 every_us, TimestampTz now,
									  const char *zone_name);
extern TimestampTz bcd_wallclock_add(TimestampTz at, const Interval *apart, const char *zone_name);

#endif							/* BCD_WALLCLOCK_H */
