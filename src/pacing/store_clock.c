/*
 * store_clock.c
 *		How much the store's clock differs from ours.
 *
 * Each reply has a Date, in whole seconds, that was taken at some time between
 * the request and its reply. The shorter this was, the more it says, unless
 * the two cannot both be true: then the clock was set.
 */
#include "postgres.h"

#include "pacing/store_clock.h"

/* After so many replies, the one that told best counts no more */
#define MOST_REPLIES	100

/*
 * A reply has come that tells a date (-1: none), after a round trip that ended
 * now.
 */
void
bcd_store_clock_note(BcdStoreClock *clock, int64 date_ms, int64 round_trip_ms, int64 now_ms)
{
	int64		offset_ms;

	if (date_ms <= 0)
		return;
	/* half a second later than the second, halfway through the round trip */
	offset_ms = date_ms + 500 - (now_ms - round_trip_ms / 2);
	if (clock->known && clock->age++ < MOST_REPLIES && round_trip_ms > clock->round_trip_ms &&
		llabs(offset_ms - clock->offset_ms) <= 1000 + (round_trip_ms + clock->round_trip_ms) / 2)
		return;
	clock->known = true;
	clock->age = 0;
	clock->round_trip_ms = round_trip_ms;
	clock->offset_ms = offset_ms;
}
