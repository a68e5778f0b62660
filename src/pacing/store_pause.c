/*
 * store_pause.c
 *		Pauses that the store asks for, and how long we honour them.
 *
 * A reply may say that no quota is left for an hour, or that we should come
 * back in three days, by mistake or because a proxy sent it. No header stops
 * us for longer than two minutes: then one request tries again, without
 * assuming anything, and its reply counts. In the meantime, the pause is shown
 * to users.
 */
#include "postgres.h"

#include "pacing/store_pause.h"

#define LONGEST_MS	(INT64CONST(3650) * 24 * 3600 * 1000)

/* As at the start: one request goes, and its reply opens a window. */
static void
forget(BcdQuota *q)
{
	q->quota = 0;
	q->learned = q->told = q->whole = false;
}

/*
 * A reply has arrived (status 0: none): for how long does the store refuse
 * requests? Replies to requests already in flight do not show that it accepts
 * requests again.
 */
void
bcd_patience_note(BcdQuota *q, BcdTicket ticket, long status,
				  const BcdHttpHeaders *headers, int64 now)
{
	int64		asked = -1;

	if (status == 0)
		return;
	if (status == 429 || status == 503)
		asked = headers->retry_after_ms;
	if (headers->rate_quota > 0 && headers->rate_left == 0)
		asked = Max(asked, headers->rate_reset_ms >= 0 ? headers->rate_reset_ms : headers->rate_window_ms);
	if (asked > BCD_QUOTA_MAX_BLOCK_MS)
	{
		q->asked_until = now + Min(asked, LONGEST_MS);
		q->asked_after = q->sent;
		q->blocked_until = now + BCD_QUOTA_MAX_BLOCK_MS;
	}
	else if (ticket.number > q->asked_after)
		q->asked_until = 0;
	if (q->asked_until > now)
		forget(q);
}

/* A length of time in words, rounded. */
static void
put_time(char *out, size_t size, int64 ms)
{
	static const struct
	{
		int64		ms;
		const char *name;
	}			units[] = {{INT64CONST(86400000), "days"}, {3600000, "hours"}, {60000, "minutes"}, {1000, "seconds"}};
	int			i = 0;

	while (i < lengthof(units) - 1 && ms < 2 * units[i].ms)
		i++;
	snprintf(out, size, INT64_FORMAT " %s", (ms + units[i].ms / 2) / units[i].ms, units[i].name);
}

/* Describes an unusual pause that the store asks for; false: none. */
bool
bcd_patience_words(const BcdQuota *q, int64 now, char *out, size_t size)
{
	char		time[64];

	if (q->asked_until <= now)
		return false;
	put_time(time, sizeof(time), q->asked_until - now);
	snprintf(out, size, "the store asked for a pause of %s; one request tries again every two minutes", time);
	return true;
}
