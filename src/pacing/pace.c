/*
 * pace.c
 *		When the next request may start, within what is left of the quota.
 *
 * What is sent now is over sooner, and a window that was not used up does not
 * come back.  So requests go as early as latency and concurrency permit, but
 * for what is kept back:
 *
 * - What others are expected to take (other_clients.c), until they have taken it or
 *   the time for it is over.
 * - What they may take beyond that, several times over.  It is not lost to us,
 *   but spread over what is left of the window, so that they find some at any
 *   time; the rate is computed anew for each request, so that requests of
 *   others and time lost make it change smoothly.
 * - One request, the look, until shortly before the window's end.  Without it
 *   we would not learn of those who have come after all else was spent.
 * - The scouts, until the window turns (see quota.c).
 *
 * The look and the scouts are kept of work that has to wait anyway: the last
 * requests that there are do not wait for them.
 *
 * That a window has turned is a conclusion until a reply says so, and a burst
 * on a wrong one would be refused as a whole.  So the first request of a
 * window goes alone, and others follow it slowly until there is a reply.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/other_clients.h"
#include "pacing/pace.h"
#include "pacing/quota.h"

#define LAST_START_MS	1500	/* the last paced request and the look start
								 * this long before the window's end */
#define CREDIT			8		/* requests that may follow a pause at once */
#define SHORT_TURN		0.015	/* part of a window: not worth a scout */

/* When the last requests that surely count in this window start */
static int64
last_start(const BcdQuota *q)
{
	return bcd_quota_turns(q) - Min(LAST_START_MS, q->window_ms / 10);
}

/* How many scouts are still to be kept, and until when the next one is */
static int
scouts_kept(const BcdQuota *q, int64 now, int64 *next)
{
	int64		turns = bcd_quota_turns(q);
	int64		length = bcd_quota_turned(q) - turns;
	int			i;

	*next = PG_INT64_MAX;
	if (length * q->quota < q->window_ms || length < q->window_ms * SHORT_TURN)
		return 0;
	for (i = 0; i < q->scouts; i++)
	{
		*next = turns + length * i / BCD_MAX_SCOUTS;
		if (*next > now)
			break;
	}
	if (i == q->scouts)
		*next = PG_INT64_MAX;
	return q->scouts - i;
}

/* How many requests are kept back for a later time, and when that is */
static int64
kept(const BcdQuota *q, int64 now, int64 *next)
{
	int64		n = scouts_kept(q, now, next);

	if (q->told && now < last_start(q))
	{
		n++;
		*next = last_start(q);
	}
	return Min(n, q->work - 1);
}

/* What of our share is left for requests now */
static int64
ours(const BcdQuota *q, int64 now)
{
	int64		share = Max((int64) floor(q->quota * q->share + 1e-6), 1);
	int64		next;

	return Min(share - q->counted, q->left) - q->in_flight - kept(q, now, &next);
}

/* And what is, if so much is kept for others */
static int64
beside(const BcdQuota *q, int64 now, double others)
{
	int64		next;

	return (int64) floor(q->left - q->in_flight - kept(q, now, &next) - others);
}

/*
 * How many more requests we may start in this window, as things stand.
 *
 * When all that is left is kept for others, one goes now and then that tells
 * whether they have come for it; what is left at the turn is a scout's.
 */
static int64
sendable(const BcdQuota *q, int64 now)
{
	int64		n = beside(q, now, bcd_others_expected(&q->others, bcd_quota_known(q)));

	if (now >= bcd_quota_turns(q) ? q->started_at < bcd_quota_turns(q) :
		q->in_flight == 0 && now >= q->known_at + q->window_ms / BCD_OTHERS_PARTS)
		n = Max(n, 1);
	return Max(Min(ours(q, now), n), 0);
}

/*
 * May one go at once, of what nobody else is likely to want?  In a window that
 * no reply has told of, that is the first one.
 */
static bool
is_certain(const BcdQuota *q, int64 now)
{
	if (!q->told)
		return q->started == 0;
	return beside(q, now, bcd_others_room(&q->others, bcd_quota_known(q), q->quota)) > 0;
}

/*
 * When the next request is due if n are to go out until the window's end.
 *
 * Time that was not used gives credit for a few requests at once, so that
 * little work is not held up; the rest is spread.
 */
static double
pace(const BcdQuota *q, int64 now, int64 n)
{
	double		interval = (double) Max(last_start(q) - now, 0) / n;

	return Max(q->paced_at, now - interval * CREDIT) + interval;
}

/*
 * 0 when a request may start now, else how many ms to wait before asking
 * again; every reply is a reason to ask again as well.
 * BCD_QUOTA_WAIT_REPLY: only a reply can change the answer.
 */
int64
bcd_quota_delay(BcdQuota *q, int64 now)
{
	int64		n;
	int64		release;
	double		due;

	if (q->in_flight > 0 &&
		(q->in_flight >= q->concurrency || !q->learned || q->strikes >= BCD_PROBE_STRIKES))
		return BCD_QUOTA_WAIT_REPLY;
	if (now < bcd_quota_blocked_until(q))
		return bcd_quota_blocked_until(q) - now;
	if (q->quota == 0)
		return 0;

	bcd_quota_turn(q, now);
	(void) kept(q, now, &release);
	due = Min(bcd_quota_turned(q), release);
	n = sendable(q, now);
	if (n > 0)
		due = is_certain(q, now) ? now : Min(due, pace(q, now, n));
	if (due <= now)
		return 0;
	/* what is kept for others may be free before then: ask again */
	return (int64) ceil(Min(due - now, q->window_ms / 20.0));
}

/* A request has been started; the result is to be given to bcd_quota_done() */
BcdTicket
bcd_quota_sent(BcdQuota *q, int64 now)
{
	BcdTicket	ticket;

	if (q->quota > 0)
	{
		bcd_quota_turn(q, now);
		q->paced_at = is_certain(q, now) ? now :
			Min(pace(q, now, Max(sendable(q, now), 1)), now);
	}
	q->in_flight++;
	q->started++;
	q->started_at = now;
	ticket.number = ++q->sent;
	ticket.at = now;
	ticket.window = q->window;
	ticket.after_turn = q->told ? Max(now - bcd_quota_turns(q), -1) : -1;
	return ticket;
}
