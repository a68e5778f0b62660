/*
 * test_store_clock.c
 *		How much the store's clock differs from ours.
 */
#include "postgres.h"

#include "../../src/pacing/store_clock.c"
#include "tap.h"

/* Our clock, and how much theirs is ahead, in ms */
#define NOW		INT64CONST(1796000000000)

/* A reply whose date was taken "early" ms after the request was sent. */
static void
reply(BcdStoreClock *clock, int64 ahead, int64 round_trip, int64 early, int64 at)
{
	int64		theirs = at - round_trip + early + ahead;

	bcd_store_clock_note(clock, theirs / 1000 * 1000, round_trip, at);
}

static void
test_offset(int64 ahead)
{
	BcdStoreClock clock = {0};
	int			i;

	reply(&clock, ahead, 3000, 0, NOW);
	ok(clock.known && llabs(clock.offset_ms - ahead) <= 2000, "a slow reply tells it to 2 s");
	for (i = 0; i < 20; i++)
		reply(&clock, ahead, 100, 50, NOW + i * 137);
	ok(llabs(clock.offset_ms - ahead) <= 550, "a fast one to half a second: " INT64_FORMAT " for " INT64_FORMAT, clock.offset_ms, ahead);
	reply(&clock, ahead, 5000, 0, NOW + 5000);
	ok(llabs(clock.offset_ms - ahead) <= 550, "a slow one does not make it worse");
}

int
main(void)
{
	BcdStoreClock clock = {0};
	int			i;

	bcd_store_clock_note(&clock, -1, 10, NOW);
	ok(!clock.known, "a reply without a date tells nothing");
	bcd_store_clock_note(&clock, -1000, 10, NOW);
	ok(!clock.known, "nor does one that is none");
	test_offset(0);
	test_offset(3600000);
	test_offset(-3600000);
	reply(&clock, 0, 100, 50, NOW);
	reply(&clock, 7200000, 200, 100, NOW);
	ok(llabs(clock.offset_ms - 7200000) <= 1000, "a clock that was set is noticed at once");
	for (i = 0; i < 101; i++)
		reply(&clock, 7200400, 300, 150, NOW);
	ok(llabs(clock.offset_ms - 7200400) <= 700, "one that drifts, after a hundred replies");
	return tap_done();
}
