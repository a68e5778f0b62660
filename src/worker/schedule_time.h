/*
 * schedule_time.h
 *		Arithmetic for the due times of bcdelta.schedule, in microseconds
 *		since the PostgreSQL epoch (TimestampTz). These functions are pure:
 *		the time is an argument.
 */
#ifndef BCD_SCHEDULE_TIME_H
#define BCD_SCHEDULE_TIME_H

/*
 * Seconds since local midnight. Hours may extend past midnight; from == to:
 * always
 */
typedef struct BcdHours
{
	int			from;
	int			to;
} BcdHours;

extern bool bcd_hours_parse(const char *text, BcdHours *hours);
extern bool bcd_hours_contains(const BcdHours *hours, int local_second);
extern int	bcd_hours_wait(const BcdHours *hours, int local_second);
extern int64 bcd_schedule_next(int64 previous_due, int64 every_us, int64 now);

#endif							/* BCD_SCHEDULE_TIME_H */
