/*
 * store_clock.h
 *		How much the store's clock differs from ours.
 *
 * Pure: plain data and arithmetic, of wall-clock times in milliseconds.
 */
#ifndef BCD_STORE_CLOCK_H
#define BCD_STORE_CLOCK_H

/* All zero: nothing is known */
typedef struct BcdStoreClock
{
	bool		known;
	int64		offset_ms;		/* theirs minus ours */
	int64		round_trip_ms;	/* of the reply that told */
	int			age;			/* replies since then */
} BcdStoreClock;

extern void bcd_store_clock_note(BcdStoreClock *clock, int64 date_ms, int64 round_trip_ms, int64 now_ms);

#endif							/* BCD_STORE_CLOCK_H */
