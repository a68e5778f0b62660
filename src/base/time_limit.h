/*
 * time_limit.h
 *		Runs other people's code no longer than a limit.
 */
#ifndef BCD_TIME_LIMIT_H
#define BCD_TIME_LIMIT_H

#include "utils/timeout.h"

/* What happens at the limit, and at two later times, each a grace apart */
typedef struct BcdTimeLimit
{
	TimeoutId	ids[3];
} BcdTimeLimit;

extern void bcd_time_limit_register(BcdTimeLimit *limit, timeout_handler_proc second, timeout_handler_proc third);
extern void bcd_time_limit_begin(const BcdTimeLimit *limit, int limit_ms, int grace_ms);
extern bool bcd_time_limit_reached(const BcdTimeLimit *limit);
extern void bcd_time_limit_end(const BcdTimeLimit *limit);
extern void bcd_time_limit_cancel(void);
extern void bcd_time_limit_die(void);

#endif							/* BCD_TIME_LIMIT_H */
