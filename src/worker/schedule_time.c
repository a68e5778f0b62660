/*
 * schedule_time.c
 *		Arithmetic for the due times of bcdelta.schedule.
 *
 * Due times form a grid that starts at the first due time. The next one is
 * computed as a remainder instead of by adding periods, so that neither a long
 * pause nor a clock that is set back or forward makes runs accumulate or stop.
 */
#include "postgres.h"

#include "worker/schedule_time.h"

#define SECONDS_PER_DAY	86400

static bool parse_time(const char **text, int *seconds);
static void skip_spaces(const char **text);

/*
 * Parses hours such as '01:00-05:30'. They may end at "24:00"; if they end
 * before they begin, they extend past midnight. Returns false if the text is
 * malformed.
 */
bool
bcd_hours_parse(const char *text, BcdHours *hours)
{
	if (!parse_time(&text, &hours->from) || *text != '-')
		return false;
	text++;
	if (!parse_time(&text, &hours->to) || *text != '\0')
		return false;
	if (hours->from == SECONDS_PER_DAY)
		return false;
	hours->to %= SECONDS_PER_DAY;
	return true;
}

/* H:MM, HH:MM or HH:MM:SS, optionally surrounded by spaces */
static bool
parse_time(const char **text, int *seconds)
{
	int			part[3] = {0, 0, 0};
	int			nparts = 0;
	const char *p;

	skip_spaces(text);
	p = *text;
	for (;;)
	{
		int			digits = 0;

		while (*p >= '0' && *p <= '9' && digits < 2)
		{
			part[nparts] = part[nparts] * 10 + (*p++ - '0');
			digits++;
		}
		if (digits == 0 || (nparts > 0 && digits != 2))
			return false;
		nparts++;
		if (nparts == 3 || *p != ':')
			break;
		p++;
	}
	if (nparts < 2 || part[1] > 59 || part[2] > 59)
		return false;
	*seconds = (part[0] * 60 + part[1]) * 60 + part[2];
	*text = p;
	skip_spaces(text);
	return *seconds <= SECONDS_PER_DAY;
}

static void
skip_spaces(const char **text)
{
	while (**text == ' ' || **text == '\t')
		(*text)++;
}

/*
 * Returns whether a local time, in seconds since midnight, is within the
 * hours.
 */
bool
bcd_hours_contains(const BcdHours *hours, int local_second)
{
	if (hours->from == hours->to)
		return true;
	if (hours->from < hours->to)
		return local_second >= hours->from && local_second < hours->to;
	return local_second >= hours->from || local_second < hours->to;
}

/* Returns the seconds until the hours begin, or 0 within them. */
int
bcd_hours_wait(const BcdHours *hours, int local_second)
{
	if (bcd_hours_contains(hours, local_second))
		return 0;
	return (hours->from - local_second + SECONDS_PER_DAY) % SECONDS_PER_DAY;
}

/*
 * Returns the first due time after now on the grid previous_due + k * every.
 *
 * Missed times are skipped. The result is never later than now + every, even
 * if previous_due is in the future because the clock was set back. Without a
 * positive period there is no next time, and the result is PG_INT64_MAX.
 */
int64
bcd_schedule_next(int64 previous_due, int64 every_us, int64 now)
{
	int64		since;

	if (every_us <= 0)
		return PG_INT64_MAX;

	/* (now - previous_due) mod every, without overflow */
	since = now % every_us - previous_due % every_us;
	since %= every_us;
	if (since < 0)
		since += every_us;

	if (now > PG_INT64_MAX - (every_us - since))
		return PG_INT64_MAX;
	return now + (every_us - since);
}
