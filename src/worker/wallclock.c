/*
 * wallclock.c
 *		When schedules are due in the local time of a time zone.
 *
 * Twice a year, clocks change. Whatever the hours of a schedule are, no night
 * is skipped and none comes twice: a time that is skipped when clocks go
 * forward is due at the moment of the change, a time that occurs twice is due
 * the first time, and hours that are skipped entirely are applied to the clock
 * as it was before the change.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "worker/schedule_time.h"
#include "worker/wallclock.h"

/*
 * Clocks go forward by no more than this, in seconds: only shorter hours can
 * be skipped
 */
#define LONGEST_LEAP	(2 * SECS_PER_HOUR)

/* A change of the clocks */
typedef struct Change
{
	pg_time_t	at;
	long		before;			/* offsets from UTC, in seconds */
	long		after;
} Change;

/* Returns the length of a period in microseconds, with days of 24 hours. */
int64
bcd_period_us(const Interval *every)
{
	return every->day * USECS_PER_DAY + every->time;
}

/* Parses hours, and raises an error if they are malformed. */
void
bcd_hours_read(const char *text, BcdHours *hours)
{
	if (!bcd_hours_parse(text, hours))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"hours\": \"%s\"", text),
				 errhint("Specify hours of the day, for example '01:00-05:30' or '22:00-06:00 Europe/Berlin'.")));
}

static pg_tz *
zone_named(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("SELECT name FROM pg_timezone_names lists the time zones.")));
	return zone;
}

static long
offset_at(pg_time_t t, pg_tz *zone)
{
	struct pg_tm *tm = pg_localtime(&t, zone);

	return tm ? tm->tm_gmtoff : 0;
}

/* Finds the first change after t. Returns false if there is none. */
static bool
next_change(pg_time_t t, pg_tz *zone, Change *change)
{
	int			before_is_dst;
	int			after_is_dst;

	return pg_next_dst_boundary(&t, &change->before, &before_is_dst, &change->at,
								&change->after, &after_is_dst, zone) > 0;
}

/* Returns the local time of day, in seconds since midnight. */
static int
second_of_day(pg_time_t t, long offset)
{
	int64		second = (t + offset) % SECS_PER_DAY;

	return (int) (second < 0 ? second + SECS_PER_DAY : second);
}

/* Returns the length of the hours. */
static int
length_of(const BcdHours *hours)
{
	int			length = (hours->to - hours->from + SECS_PER_DAY) % SECS_PER_DAY;

	return length == 0 ? SECS_PER_DAY : length;
}

/* Returns whether a change of the clocks skips all of the hours. */
static bool
leaps_over(const Change *change, const BcdHours *hours)
{
	int			second = second_of_day(change->at, change->before);
	int			until = (hours->from - second + SECS_PER_DAY) % SECS_PER_DAY;

	return until + length_of(hours) <= change->after - change->before;
}

/*
 * Returns whether the hours have been skipped a short while ago; they then
 * follow the old clock.
 */
static bool
were_leapt_over(pg_time_t t, const BcdHours *hours, pg_tz *zone, Change *change)
{
	return next_change(t - LONGEST_LEAP, zone, change) && change->at <= t &&
		leaps_over(change, hours);
}

/* Returns whether a time is within the hours. */
static bool
is_within(pg_time_t t, const BcdHours *hours, pg_tz *zone)
{
	Change		change;

	if (bcd_hours_contains(hours, second_of_day(t, offset_at(t, zone))))
		return true;
	return were_leapt_over(t, hours, zone, &change) &&
		bcd_hours_contains(hours, second_of_day(t, change.before));
}

/* Returns the first second that is within the hours, starting at t. */
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

/*
 * Returns the first time, starting at "at", that is within the hours in a time
 * zone.
 */
TimestampTz
bcd_hours_next(TimestampTz at, const BcdHours *hours, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);

	/* the conversion rounds towards the year 2000 */
	if (time_t_to_timestamptz(t) > at)
		t--;
	if (is_within(t, hours, zone))
		return at;
	return time_t_to_timestamptz(next_within(t, hours, zone));
}

/* Returns the seconds until a time of day, one at least. */
static int
until(int second, pg_time_t t, long offset)
{
	return (second - second_of_day(t, offset) + SECS_PER_DAY - 1) % SECS_PER_DAY + 1;
}

/*
 * Returns the first second after t that is not within the hours, which do not
 * last all day.  Only at their end, and when the clocks change, can they end.
 */
static pg_time_t
next_outside(pg_time_t t, const BcdHours *hours, pg_tz *zone)
{
	while (is_within(t, hours, zone))
	{
		Change		change;
		pg_time_t	end = t + until(hours->to, t, offset_at(t, zone));

		if (were_leapt_over(t, hours, zone, &change))
			end = Min(end, t + until(hours->to, t, change.before));
		if (next_change(t, zone, &change))
			end = Min(end, change.at);
		t = end;
	}
	return t;
}

/*
 * Returns the first time, starting at "at", that is not within the hours in a
 * time zone; DT_NOEND: there is none, as they last all day.
 */
TimestampTz
bcd_hours_end(TimestampTz at, const BcdHours *hours, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);

	if (length_of(hours) == SECS_PER_DAY)
		return DT_NOEND;
	if (time_t_to_timestamptz(t) > at)
		t--;
	return is_within(t, hours, zone) ? time_t_to_timestamptz(next_outside(t, hours, zone)) : at;
}

/* Returns the next time after "at" at which the hours begin in a time zone. */
TimestampTz
bcd_hours_opening(TimestampTz at, const BcdHours *hours, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	pg_time_t	t = timestamptz_to_time_t(at);

	/* if it is within the hours, leave them first */
	if (length_of(hours) < SECS_PER_DAY)
		t = next_outside(t, hours, zone);
	return time_t_to_timestamptz(next_within(t + 1, hours, zone));
}

/*
 * Returns the local time, as microseconds since local midnight of 2000-01-01.
 */
static int64
shown_at(TimestampTz at, pg_tz *zone)
{
	return at + offset_at(timestamptz_to_time_t(at), zone) * USECS_PER_SEC;
}

/*
 * Returns when a local time occurs; see above for times that do not occur
 * exactly once.
 */
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
 * Returns the first due time after now, or DT_NOEND. Due times form a grid of
 * local times, given by the first due time and a period of days.
 */
TimestampTz
bcd_wallclock_next(TimestampTz first, int64 every_us, TimestampTz now, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);
	int64		shown = bcd_schedule_next(shown_at(first, zone), every_us, shown_at(now, zone));

	/* skip a local time that occurs again and was due the first time */
	while (shown != PG_INT64_MAX && when_shown(shown, zone) <= now)
		shown += every_us;
	return shown == PG_INT64_MAX ? DT_NOEND : when_shown(shown, zone);
}

/*
 * Returns the time that is this interval away, which has no months: days by the
 * local clock, the rest as it passes.
 */
TimestampTz
bcd_wallclock_add(TimestampTz at, const Interval *apart, const char *zone_name)
{
	pg_tz	   *zone = zone_named(zone_name);

	if (apart->day != 0)
		at = when_shown(shown_at(at, zone) + apart->day * USECS_PER_DAY, zone);
	return at + apart->time;
}
