/*
 * test_schedule.c
 *		Hours of the day and next due times.
 */
#include "postgres.h"

#include "../../src/worker/schedule_time.c"
#include "tap.h"

#define HOUR	3600
#define SECOND	INT64CONST(1000000)
#define MINUTE	(60 * SECOND)

static void
test_parse(void)
{
	static const struct
	{
		const char *text;
		int			from;
		int			to;			/* -1: malformed */
	}			cases[] = {
		{"01:00-05:30", HOUR, 5 * HOUR + 1800},
		{"1:00-5:30", HOUR, 5 * HOUR + 1800},
		{" 01:00 - 05:30 ", HOUR, 5 * HOUR + 1800},
		{"22:00-06:00", 22 * HOUR, 6 * HOUR},
		{"22:00-24:00", 22 * HOUR, 0},
		{"00:00-24:00", 0, 0},
		{"00:00-00:00", 0, 0},
		{"23:59:59-23:59:58", 86399, 86398},
		{"", 0, -1}, {"-", 0, -1}, {"01:00", 0, -1}, {"01:00-", 0, -1}, {"-05:00", 0, -1},
		{"01:00-05:30x", 0, -1}, {"01:60-05:00", 0, -1}, {"01:00-24:01", 0, -1},
		{"24:00-05:00", 0, -1}, {"25:00-26:00", 0, -1}, {"1-5", 0, -1}, {"01:0-05:00", 0, -1},
		{"01:00:60-02:00", 0, -1}, {"001:00-02:00", 0, -1}, {"01:00--02:00", 0, -1},
		{"01:00-02:00-03:00", 0, -1}, {"01:00:00:00-02:00", 0, -1}, {"a:bc-02:00", 0, -1},
		{"01 :00-02:00", 0, -1}, {"+1:00-02:00", 0, -1}
	};
	int			i;

	for (i = 0; i < lengthof(cases); i++)
	{
		BcdHours	hours = {-2, -2};
		bool		good = bcd_hours_parse(cases[i].text, &hours);

		if (cases[i].to < 0)
			ok(!good, "\"%s\" is malformed", cases[i].text);
		else
			ok(good && hours.from == cases[i].from && hours.to == cases[i].to,
			   "\"%s\"", cases[i].text);
	}
}

static void
test_hours(void)
{
	BcdHours	day = {HOUR, 5 * HOUR};
	BcdHours	night = {22 * HOUR, 6 * HOUR};
	BcdHours	always = {7, 7};
	int			second;
	bool		agree = true;

	ok(!bcd_hours_contains(&day, HOUR - 1), "before the window");
	ok(bcd_hours_contains(&day, HOUR), "its first second");
	ok(bcd_hours_contains(&day, 5 * HOUR - 1), "its last second");
	ok(!bcd_hours_contains(&day, 5 * HOUR), "after it");
	ok(bcd_hours_contains(&night, 23 * HOUR), "a window over midnight: before");
	ok(bcd_hours_contains(&night, 0), "midnight");
	ok(bcd_hours_contains(&night, 6 * HOUR - 1), "after");
	ok(!bcd_hours_contains(&night, 6 * HOUR), "and outside");
	ok(bcd_hours_contains(&always, 0) && bcd_hours_contains(&always, 86399), "an empty one is always");

	is_int(bcd_hours_wait(&day, 0), HOUR, "wait for a window of today");
	is_int(bcd_hours_wait(&day, 5 * HOUR), 20 * HOUR, "of tomorrow");
	is_int(bcd_hours_wait(&day, 2 * HOUR), 0, "not inside it");
	is_int(bcd_hours_wait(&night, 21 * HOUR), HOUR, "over midnight");
	for (second = 0; second < 86400; second++)
	{
		int			wait = bcd_hours_wait(&night, second);

		agree &= wait >= 0 && wait < 86400 &&
			bcd_hours_contains(&night, (second + wait) % 86400) &&
			(wait == 0) == bcd_hours_contains(&night, second);
	}
	ok(agree, "after the wait the window is open");
}

static void
test_next(void)
{
	int64		due = 1000 * MINUTE;
	int64		every = 10 * MINUTE;

	is_int(bcd_schedule_next(due, every, due), due + every, "due now: the next one");
	is_int(bcd_schedule_next(due, every, due + 1), due + every, "run a little late: still on the grid");
	is_int(bcd_schedule_next(due, every, due + every - 1), due + every, "run very late");
	is_int(bcd_schedule_next(due, every, due + every), due + 2 * every, "never now, always later");
	is_int(bcd_schedule_next(due, every, due + 1000 * every + 3), due + 1001 * every,
		   "missed ones are skipped");
	is_int(bcd_schedule_next(due, every, due - 1), due, "a clock a little back");
	is_int(bcd_schedule_next(due, every, due - 500 * every - 7), due - 500 * every,
		   "a clock far back postpones by one period at most");
	is_int(bcd_schedule_next(-due, every, -1), 0, "before the year 2000");
	is_int(bcd_schedule_next(PG_INT64_MIN, every, 5) > 5, true, "from minus infinity");
	is_int(bcd_schedule_next(PG_INT64_MIN, every, 5) <= 5 + every, true, "within a period");
	is_int(bcd_schedule_next(PG_INT64_MAX, every, 5) <= 5 + every, true, "from infinity");
	is_int(bcd_schedule_next(due, every, PG_INT64_MAX - 5), PG_INT64_MAX, "no overflow at the end of time");
	is_int(bcd_schedule_next(due, 0, due), PG_INT64_MAX, "no period, no next time");
	is_int(bcd_schedule_next(due, -1, due), PG_INT64_MAX, "nor with a negative one");
	is_int(bcd_schedule_next(0, PG_INT64_MAX, 1), PG_INT64_MAX, "a period without end");
}

int
main(void)
{
	test_parse();
	test_hours();
	test_next();
	return tap_done();
}
