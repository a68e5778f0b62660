/*
 * wallclock.c
 *		When schedules are due, by the wall clock of a time zone.
 *
 * Twice a year the clocks change.  Whatever the hours, no night is skipped and
 * none comes twice: a time that the clocks skip is due when they change, a
 * time that occurs twice is due the first time, and hours that are skipped
 * entirely are taken by the clock before the change.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "worker/schedule_time.h"
#include "worker/wallclock.h"

/* Clocks are put forward by no more, in seconds: hours that are leapt over are shorter */
#define LONGEST_LEAP	(2 * SECS_PER_HOUR)

/* The clocks are put forward or back */
typedef struct Change
{
	pg_time_t	at;
	long		before;			/* offsets from UTC, in seconds */
	long		after;
} Change;

/* The length of a period, whose days have 24 hours, in microseconds */
int64
bcd_period_us(const Interval *every)
{
	return every->day * USECS_PER_DAY + every->time;
}

/* Reads a window of hours; raises an error when it is malformed. */
void
bcd_hours_read(const char *text, BcdHours *hours)
{
	if (!bcd_hours_parse(text, hours))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"hours\": \"%s\"", text),
				 errhint("Specify hours of the day, for example '01:00-05:30' or '22:00-06:00'.")));
}

static pg_tz *
zone_named(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name)));
	return zone;
}

static long
offset_at(pg_time_t t, pg_tz *zone)
{
	struct pg_tm *tm = pg_localtime(&t, zone);

	return tm ? tm->tm_gmtoff : 0;
}

/* The first change after t; false: there is none. */
static bool
next_change(pg_time_t t, pg_tz *zone, Change *change)
{
	int			before_is_dst;
	int			after_is_dst;

	return pg_next_dst_boundary(&t, &change->before, &before_is_dst, &change->at,
								&change->after, &after_is_dst, zone) > 0;
}

/* What the clock shows, in seconds since midnight */
static int
second_of_day(pg_time_t t, long offset)
{
	int64		second = (t + offset) % SECS_PER_DAY;

	return (int) (second < 0 ? second + SECS_PER_DAY : second);
}

/* How long the hours are */
static int
length_of(const BcdHours *hours)
{
	int			length = (hours->to - hours->from + SECS_PER_DAY) % SECS_PER_DAY;

	return length == 0 ? SECS_PER_DAY : length;
}

/* Do the clocks leap over all of the hours? */
static bool
leaps_over(const Change *change, const BcdHours *hours)
{
	int			second = second_of_day(change->at, change->before);
	int			until = (hours->from - second + SECS_PER_DAY) % SECS_PER_DAY;

	return until + length_of(hours) <= change->after - change->before;
}

/* Were they leapt over a short while ago?  Then they are the old clock's. */
static bool
were_leapt_over(pg_time_t t, const BcdHours *hours, pg_tz *zone, Change *change)
{
	return next_change(t - LONGEST_LEAP, zone, change) && change->at <= t &&
		leaps_over(change, hours);
}

/* Is it within the hours? */
static bool
is_within(pg_time_t t, const BcdHours *hours, pg_tz *zone)
{
	Change		change;

	if (bcd_hours_contains(hours, second_of_day(t, offset_at(t, zone))))
		return true;
	return were_leapt_over(t, hours, zone, &change) &&
		bcd_hours_contains(hours, second_of_day(t, change.before));
}

/* The first second from t on that is within the hours. */
static pg_time_t
next_within(pg_time_t t, const BcdHours *hours, pg_tz *zone)
{
	Change		change;
	pg_time_t	opening;

	if (were_leapt_over(t, hours, zone, &change))
	{
		opening = t + bcd_hours_wait(hours, second_of_day(t, change.before));
		if (opening < change.at + (change.after - change.before))
			return opening;
	}
	while (!is_within(t, hours, zone))
	{
		opening = t + bcd_hours_wait(hours, second_of_day(t, offset_at(t, zone)));
		if (!next_change(t, zone, &change) || change.at > opening || leaps_over(&change, hours))
			return opening;
		t = change.at;
	}
	return t;
}

/* The first time from "at" on that lies within the hours of a time zone. */
TimestampTz
bcd_hours_next(TimestampTz at, const BcdHours *hours, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);

	/* it rounds towards the year 2000 */
	if (time_t_to_timestamptz(t) > at)
		t--;
	if (is_within(t, hours, zone))
		return at;
	return time_t_to_timestamptz(next_within(t, hours, zone));
}

/* The next time after "at" at which the hours of a time zone begin. */
TimestampTz
bcd_hours_opening(TimestampTz at, const BcdHours *hours, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);

	/* first, out of those that it is in */
	if (is_within(t, hours, zone) && length_of(hours) < SECS_PER_DAY)
	{
		BcdHours	outside = {hours->to, hours->from};

		t = next_within(t, &outside, zone);
	}
	return time_t_to_timestamptz(next_within(t + 1, hours, zone));
}

/* What the clock shows, as microseconds since its midnight of 2000-01-01 */
static int64
shown_at(TimestampTz at, pg_tz *zone)
{
	return at + offset_at(timestamptz_to_time_t(at), zone) * USECS_PER_SEC;
}

/* When the clock shows that; see above for times that it does not show once. */
static TimestampTz
when_shown(int64 shown, pg_tz *zone)
{
	pg_time_t	about = timestamptz_to_time_t(shown);
	long		before = offset_at(about - SECS_PER_DAY, zone);
	long		after = offset_at(about + SECS_PER_DAY, zone);
	TimestampTz first = shown - before * USECS_PER_SEC;
	TimestampTz second = shown - after * USECS_PER_SEC;
	Change		change;

	if (before == after || offset_at(timestamptz_to_time_t(first), zone) == before)
		return first;
	if (offset_at(timestamptz_to_time_t(second), zone) == after ||
		!next_change(timestamptz_to_time_t(second), zone, &change))
		return second;
	return time_t_to_timestamptz(change.at);
}

/*
 * The first time after now on the grid of the clock's times that a first one
 * and a period of days make; or DT_NOEND.
 */
TimestampTz
bcd_wallclock_next(TimestampTz first, int64 every_us, TimestampTz now, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	int64		shown = bcd_schedule_next(shown_at(first, zone), every_us, shown_at(now, zone));

	/* what the clock shows a second time has been there */
	while (shown != PG_INT64_MAX && when_shown(shown, zone) <= now)
		shown += every_us;
	return shown == PG_INT64_MAX ? DT_NOEND : when_shown(shown, zone);
}
