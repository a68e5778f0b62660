/*
 * test_wallclock.c
 *		When schedules are due while the clocks change: hours and periods of
 *		days in a zone with the changes of Europe/Berlin in 2027.
 */
#include "postgres.h"

#include <time.h>
#include <unistd.h>

#include "../../src/worker/schedule_time.c"
#include "../../src/worker/wallclock.c"
#include "backend.h"
#include "tap.h"

int
errhint(const char *format,...)
{
	return 0;
}

/* Forward on 2027-03-28 from 02:00 to 03:00, back on 2027-10-31 from 03:00 to 02:00 */
static const struct
{
	pg_time_t	at;
	long		before;
	long		after;
}			changes[] = {
	{1806195600, 3600, 7200},
	{1824944400, 7200, 3600}
};

/* Zones other than "zone" are those of the system. */
static bool
is_real(const pg_tz *zone)
{
	return zone && strcmp((const char *) zone, "zone") != 0;
}

static long
real_offset(pg_time_t t, const pg_tz *zone)
{
	static const pg_tz *current = NULL;
	struct tm	tm;
	time_t		seconds = t;

	if (current != zone)
	{
		setenv("TZ", (const char *) zone, 1);
		tzset();
		current = zone;
	}
	return localtime_r(&seconds, &tm)->tm_gmtoff;
}

pg_tz *
pg_tzset(const char *name)
{
	return (pg_tz *) name;
}

struct pg_tm *
pg_localtime(const pg_time_t *t, const pg_tz *zone)
{
	static struct pg_tm tm;

	if (is_real(zone))
	{
		tm.tm_gmtoff = real_offset(*t, zone);
		return &tm;
	}
	tm.tm_gmtoff = *t >= changes[0].at && *t < changes[1].at ? 7200 : 3600;
	return &tm;
}

/* Looks for the next change within a year, day by day. */
static int
next_real_change(pg_time_t t, long *before, pg_time_t *boundary, long *after, const pg_tz *zone)
{
	pg_time_t	end = t + 366 * SECS_PER_DAY;
	pg_time_t	step = SECS_PER_DAY;

	*before = real_offset(t, zone);
	for (; t < end && step > 0; t += step)
		while (step > 0 && real_offset(t + step, zone) != *before)
			step = step == 1 ? 0 : step / 2;
	*boundary = t + 1;
	*after = real_offset(t + 1, zone);
	return step == 0;
}

int
pg_next_dst_boundary(const pg_time_t *t, long *before, int *before_is_dst, pg_time_t *boundary,
					 long *after, int *after_is_dst, const pg_tz *zone)
{
	int			i;

	if (is_real(zone))
		return next_real_change(*t, before, boundary, after, zone);
	for (i = 0; i < lengthof(changes); i++)
		if (changes[i].at > *t)
		{
			*before = changes[i].before;
			*after = changes[i].after;
			*boundary = changes[i].at;
			return 1;
		}
	return 0;
}

#define EPOCH	INT64CONST(946684800)	/* 2000-01-01 in Unix time */

pg_time_t
timestamptz_to_time_t(TimestampTz t)
{
	return t / USECS_PER_SEC + EPOCH;
}

TimestampTz
time_t_to_timestamptz(pg_time_t t)
{
	return (t - EPOCH) * USECS_PER_SEC;
}

/* "03-28 02:30+1", a time of 2027 and its hours from UTC */
static TimestampTz
at(const char *text)
{
	struct tm	tm = {.tm_year = 127};
	int			offset;

	if (sscanf(text, "%d-%d %d:%d+%d", &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &offset) != 5)
		abort();
	tm.tm_mon--;
	return time_t_to_timestamptz(timegm(&tm) - offset * 3600);
}

static const char *
shown(TimestampTz t)
{
	static char text[32];
	pg_time_t	seconds = timestamptz_to_time_t(t);
	long		offset = pg_localtime(&seconds, NULL)->tm_gmtoff;
	time_t		local = seconds + offset;

	strftime(text, sizeof(text), "%m-%d %H:%M", gmtime(&local));
	sprintf(text + strlen(text), "+%ld", offset / 3600);
	return text;
}

static void
due(const char *from, const char *text, const char *expected)
{
	BcdHours	hours;
	TimestampTz next;

	bcd_hours_read(text, &hours);
	next = bcd_hours_next(at(from), &hours, "zone");
	ok(next == at(expected), "hours %s, from %s on: %s (%s)", text, from, expected, shown(next));
	ok(bcd_hours_next(next + 5 * USECS_PER_SEC, &hours, "zone") == next + 5 * USECS_PER_SEC,
	   "and five seconds later they have not passed");
}

static void
opens(const char *from, const char *text, const char *expected)
{
	BcdHours	hours;
	TimestampTz next;

	bcd_hours_read(text, &hours);
	next = bcd_hours_opening(at(from), &hours, "zone");
	ok(next == at(expected), "hours %s begin next after %s at %s (%s)", text, from, expected, shown(next));
}

static void
ends(const char *from, const char *text, const char *expected)
{
	BcdHours	hours;
	TimestampTz end;

	bcd_hours_read(text, &hours);
	end = bcd_hours_end(at(from), &hours, "zone");
	ok(end == at(expected), "hours %s, from %s on, end at %s (%s)", text, from, expected, shown(end));
}

/* A grid of this period: what follows on each other */
static void
grid(const char *first, int64 every_us, const char *after, const char *const *expected, int n)
{
	TimestampTz t = at(after);
	int			i;

	for (i = 0; i < n; i++)
	{
		t = bcd_wallclock_next(at(first), every_us, t, "zone");
		ok(t == at(expected[i]), "every %d hours from %s on: %s (%s)",
		   (int) (every_us / USECS_PER_HOUR), first, expected[i], shown(t));
	}
}

/*
 * Around each change of the clocks in a real zone, hours begin and end where
 * they do minute by minute.
 */
static void
minutes(const char *name)
{
	static const char *const texts[] = {"01:00-05:30", "22:00-06:00", "02:30-03:30", "02:15-02:45", "23:30-00:30", "00:00-02:00", "03:00-02:00"};
	pg_tz	   *zone = pg_tzset(name);
	pg_time_t	from = timestamptz_to_time_t(at("01-01 00:00+0"));
	Change		change;
	int			changes_seen = 0;
	int			wrong = 0;
	int			i;

	while (next_change(from, zone, &change) && changes_seen < 2)
	{
		for (i = 0; i < lengthof(texts); i++)
		{
			pg_time_t	last = change.at + 2 * SECS_PER_DAY;
			pg_time_t	t = last;
			pg_time_t	opens;
			pg_time_t	ends;
			BcdHours	hours;

			bcd_hours_read(texts[i], &hours);
			opens = next_within(t, &hours, zone);
			ends = is_within(t, &hours, zone) ? next_outside(t, &hours, zone) : t;
			for (; t > change.at - 2 * SECS_PER_DAY; t -= 60)
			{
				bool		within = is_within(t, &hours, zone);

				opens = within ? t : opens;
				ends = within ? ends : t;
				if (t % 900 == 0)
					wrong += next_within(t, &hours, zone) != opens ||
						(within ? next_outside(t, &hours, zone) : t) != ends;
			}
		}
		changes_seen++;
		from = change.at + SECS_PER_DAY;
	}
	ok(wrong == 0, "%s: %d times at which hours begin or end elsewhere, around %d changes", name, wrong, changes_seen);
}

int
main(void)
{
	static const char *const spring[] = {"03-27 02:30+1", "03-28 03:00+2", "03-29 02:30+2"};
	static const char *const autumn[] = {"10-30 02:30+2", "10-31 02:30+2", "11-01 02:30+1"};
	static const char *const again[] = {"11-01 02:30+1", "11-02 02:30+1"};
	static const char *const midnight[] = {"03-28 00:00+1", "03-29 00:00+2", "03-30 00:00+2"};
	static const char *const halves[] = {"03-27 14:30+1", "03-28 03:00+2", "03-28 14:30+2", "03-29 02:30+2"};
	const char *day;
	BcdHours	night;
	TimestampTz t;
	int			nights = 0;

	/* any day */
	due("03-10 12:00+1", "01:00-05:30", "03-11 01:00+1");
	due("03-10 01:00+1", "01:00-05:30", "03-10 01:00+1");
	due("03-10 05:29+1", "01:00-05:30", "03-10 05:29+1");
	due("03-10 05:30+1", "01:00-05:30", "03-11 01:00+1");
	due("07-10 21:00+2", "22:00-06:00", "07-10 22:00+2");
	due("07-10 03:00+2", "22:00-06:00", "07-10 03:00+2");
	due("07-10 03:00+2", "07:00-07:00", "07-10 03:00+2");
	opens("03-10 18:30+1", "02:00-05:00", "03-11 02:00+1");
	opens("03-10 03:00+1", "02:00-05:00", "03-11 02:00+1");
	opens("03-10 23:00+1", "22:00-06:00", "03-11 22:00+1");

	/* forward: what begins in the hour that is not there begins at 03:00 */
	due("03-27 12:00+1", "02:30-03:30", "03-28 03:00+2");
	due("03-27 12:00+1", "03:00-04:00", "03-28 03:00+2");
	due("03-27 12:00+1", "02:00-05:00", "03-28 03:00+2");
	due("03-27 12:00+1", "01:30-02:30", "03-28 01:30+1");
	due("03-27 12:00+1", "22:00-06:00", "03-27 22:00+1");
	due("03-27 12:00+1", "23:30-02:30", "03-27 23:30+1");
	due("03-28 04:00+2", "02:30-03:30", "03-29 02:30+2");
	/* hours that are not there at all are those of the other clock */
	due("03-27 12:00+1", "02:00-03:00", "03-28 03:00+2");
	due("03-27 12:00+1", "02:15-02:45", "03-28 03:15+2");
	due("03-28 03:50+2", "02:15-02:45", "03-29 02:15+2");
	due("03-28 03:05+2", "02:15-02:45", "03-28 03:15+2");
	opens("03-27 18:30+1", "02:15-02:45", "03-28 03:15+2");

	/* back: what is there twice begins the first time */
	due("10-30 12:00+2", "02:30-05:30", "10-31 02:30+2");
	due("10-30 12:00+2", "03:30-05:30", "10-31 03:30+1");
	due("10-31 02:40+1", "02:30-02:50", "10-31 02:40+1");

	/* when they end */
	ends("03-10 01:00+1", "01:00-05:30", "03-10 05:30+1");
	ends("03-10 05:29+1", "01:00-05:30", "03-10 05:30+1");
	ends("03-10 05:30+1", "01:00-05:30", "03-10 05:30+1");
	ends("07-10 22:00+2", "22:00-06:00", "07-11 06:00+2");
	bcd_hours_read("00:00-24:00", &night);
	ok(bcd_hours_end(at("07-10 12:00+2"), &night, "zone") == DT_NOEND, "a whole day does not end");
	/* forward: an hour is missing, or the end is skipped */
	ends("03-27 22:00+1", "22:00-06:00", "03-28 06:00+2");
	ends("03-28 01:30+1", "01:00-02:30", "03-28 03:00+2");
	ends("03-28 03:20+2", "02:15-02:45", "03-28 03:45+2");
	ends("03-28 03:00+2", "02:30-03:30", "03-28 03:30+2");
	ends("03-28 03:10+2", "03:00-02:00", "03-29 02:00+2");

	/*
	 * back: an hour more; what is there twice is left at its first end, or
	 * when the clocks change
	 */
	ends("10-30 22:00+2", "22:00-06:00", "10-31 06:00+1");
	ends("10-31 01:30+2", "01:00-02:30", "10-31 02:30+2");
	ends("10-31 02:40+2", "02:30-05:30", "10-31 02:00+1");
	ends("10-31 02:40+1", "02:30-05:30", "10-31 05:30+1");

	/* a period of days keeps the time that the clock shows */
	grid("03-20 02:30+1", USECS_PER_DAY, "03-26 12:00+1", spring, lengthof(spring));
	grid("03-20 02:30+1", USECS_PER_DAY, "10-29 12:00+2", autumn, lengthof(autumn));
	grid("03-20 02:30+1", USECS_PER_DAY, "10-31 02:20+1", again, lengthof(again));
	grid("01-01 00:00+1", USECS_PER_DAY, "03-27 12:00+1", midnight, lengthof(midnight));
	grid("03-20 02:30+1", USECS_PER_DAY / 2, "03-27 12:00+1", halves, lengthof(halves));
	day = "03-27 12:00+1";
	t = bcd_wallclock_next(at(day), USECS_PER_DAY, at(day), "zone");
	ok(t == at("03-28 12:00+2"), "a day that has 23 hours (%s)", shown(t));

	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0)
	{
		minutes("Europe/Berlin");
		minutes("America/New_York");
		minutes("America/Santiago");	/* at midnight */
		minutes("Australia/Lord_Howe"); /* by half an hour */
		minutes("Asia/Kolkata");	/* never */
	}

	/* a year of nights: each has one, none has two */
	bcd_hours_read("02:15-02:45", &night);
	for (t = at("01-01 12:00+1"); t < at("12-31 12:00+1"); nights++)
	{
		TimestampTz began = bcd_hours_next(t, &night, "zone");

		if (began - t > 26 * USECS_PER_HOUR)
			break;
		t = bcd_hours_next(bcd_wallclock_next(at("01-01 02:15+1"), USECS_PER_DAY, began, "zone"), &night, "zone");
		if (t - began < 22 * USECS_PER_HOUR)
			break;
	}
	is_int(nights, 364, "no night of a year is left out or comes twice");
	return tap_done();
}
