/*
 * words.c
 *		Numbers and times as people read them, in the session's time zone; always
 *		in English, whatever its locale.
 */
#include "postgres.h"

#include <math.h>

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "report/words.h"

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* 1204 -> 1,204 */
char *
bcd_say_number(int64 n)
{
	char		digits[32];
	char	   *text = palloc(48);
	char	   *t = text;
	const char *d = digits;
	int			left;

	snprintf(digits, sizeof(digits), INT64_FORMAT, n);
	if (*d == '-')
		*t++ = *d++;
	for (left = strlen(d); left > 0; left--)
	{
		*t++ = *d++;
		if (left % 3 == 1 && left > 1)
			*t++ = ',';
	}
	*t = '\0';
	return text;
}

/* 1 row, 1,204 rows */
char *
bcd_say_count(int64 n, const char *one, const char *many)
{
	return psprintf("%s %s", bcd_say_number(n), n == 1 ? one : many);
}

/* For axes: 950, 1.2k, 41k, 3M */
char *
bcd_say_short(double n)
{
	static const struct
	{
		double		size;
		const char *suffix;
	}			units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
	int			i;

	for (i = 0; i < lengthof(units); i++)
		if (n >= units[i].size)
			return psprintf("%.3g%s", n / units[i].size, units[i].suffix);
	return psprintf("%.3g", n);
}

/* 0.123 -> 12 %; what is not quite nothing or all does not look so */
char *
bcd_say_percent(double part)
{
	double		percent = part * 100;

	if (percent > 0 && percent < 1)
		return pstrdup("under 1 %");
	if (percent > 99 && percent < 100)
		return pstrdup("over 99 %");
	return psprintf("%.0f %%", percent);
}

/* The two largest units: 0.4 s, 12 s, 3 min 20 s, 2 h 10 min, 3 days 4 h */
char *
bcd_say_duration(double seconds)
{
	int64		s = (int64) rint(Min(Max(seconds, 0), 1e12));

	if (seconds < 0.05)
		return pstrdup("under 0.1 s");
	if (seconds < 9.5)
		return psprintf("%.1f s", Max(seconds, 0));
	if (s < 60)
		return psprintf(INT64_FORMAT " s", s);
	if (s < 600 && s % 60 != 0)
		return psprintf(INT64_FORMAT " min " INT64_FORMAT " s", s / 60, s % 60);
	if (s < 3600)
		return psprintf(INT64_FORMAT " min", (s + 30) / 60);
	s = (s + 30) / 60;
	if (s < 24 * 60)
		return s % 60 ? psprintf(INT64_FORMAT " h " INT64_FORMAT " min", s / 60, s % 60) : psprintf(INT64_FORMAT " h", s / 60);
	s = (s + 30) / 60;
	if (s < 72 && s % 24 != 0)
		return psprintf("%s " INT64_FORMAT " h", bcd_say_count(s / 24, "day", "days"), s % 24);
	return bcd_say_count((s + 12) / 24, "day", "days");
}

/* The parts of a time in the session's zone; its abbreviation, unless zone is NULL. */
static struct pg_tm
local(TimestampTz at, const char **zone, int *offset)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;

	if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, &tz, &tm, &fsec, zone, NULL) != 0)
		memset(&tm, 0, sizeof(tm));
	if (tm.tm_mon < 1 || tm.tm_mon > 12)
		tm.tm_mon = 1;
	if (offset)
		*offset = -tz;
	return tm;
}

static int
day_number(const struct pg_tm *tm)
{
	return date2j(tm->tm_year, tm->tm_mon, tm->tm_mday);
}

/* 22:04, or 22:04:31 */
char *
bcd_say_clock(TimestampTz at, bool seconds)
{
	struct pg_tm tm = local(at, NULL, NULL);

	return seconds ? psprintf("%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec) : psprintf("%02d:%02d", tm.tm_hour, tm.tm_min);
}

/* Mon 12 Jan */
char *
bcd_say_day(TimestampTz at)
{
	struct pg_tm tm = local(at, NULL, NULL);

	return psprintf("%s %d %s", day_names[j2day(day_number(&tm))], tm.tm_mday, month_names[tm.tm_mon - 1]);
}

/* today 22:04, yesterday 22:04, Mon 12 Jan 22:04, 12 Jan 2025 */
char *
bcd_say_time(TimestampTz at, TimestampTz now)
{
	struct pg_tm tm = local(at, NULL, NULL);
	struct pg_tm today = local(now, NULL, NULL);
	int			ago = day_number(&today) - day_number(&tm);

	if (TIMESTAMP_NOT_FINITE(at))
		return pstrdup("never");
	if (ago >= -1 && ago <= 1)
		return psprintf("%s %s", ago == 0 ? "today" : ago > 0 ? "yesterday" : "tomorrow", bcd_say_clock(at, false));
	if (abs(ago) < 300)
		return psprintf("%s %s", bcd_say_day(at), bcd_say_clock(at, false));
	return psprintf("%d %s %d", tm.tm_mday, month_names[tm.tm_mon - 1], tm.tm_year);
}

/* Mon 12 Jan 2026, 22:04 */
char *
bcd_say_long_time(TimestampTz at)
{
	struct pg_tm tm = local(at, NULL, NULL);

	return psprintf("%s %d, %s", bcd_say_day(at), tm.tm_year, bcd_say_clock(at, false));
}

/* The abbreviation of the session's time zone */
char *
bcd_say_zone(TimestampTz at)
{
	const char *zone = NULL;

	(void) local(at, &zone, NULL);
	return pstrdup(zone ? zone : "");
}

/* By how many seconds the session's clock is ahead of UTC */
int
bcd_utc_offset(TimestampTz at)
{
	int			offset;

	(void) local(at, NULL, &offset);
	return offset;
}
