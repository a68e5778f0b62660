/*
 * clock.h
 *		A clock that is not affected by changes of the date.
 */
#ifndef BCD_CLOCK_H
#define BCD_CLOCK_H

#include <time.h>

/* Milliseconds on the monotonic clock. */
static inline int64
bcd_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif							/* BCD_CLOCK_H */
