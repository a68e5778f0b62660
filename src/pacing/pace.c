/*
 * pace.c
 *		When the next request may start, within the remaining quota.
 *
 * A request that is sent now is finished sooner, and unused quota of a window
 * is lost. So requests go out as early as latency and concurrency permit,
 * except for the parts of the quota that are held back:
 *
 * - The expected use of other clients (other_clients.c), until they have used
 *   it or its time has passed.
 * - A reserve for their additional use, several times over. We do not lose it,
 *   but spread it over the rest of the window, so that they find some quota at
 *   any time; the rate is recomputed for each request, so that it changes
 *   smoothly with the requests of others and with lost time.
 * - One request, the look, until shortly before the window's end.  Without it,
 *   we would not notice clients that came after the rest was spent.
 * - The scouts, until the window turns (see quota.c).
 *
 * The look and the scouts are held back only from work that has to wait
 * anyway: the last requests of a run do not wait for them.
 *
 * Until a reply confirms it, the turn of a window is only a conclusion, and
 * after a wrong conclusion a whole burst would be refused. So the first
 * request of a window goes alone, and others follow it slowly until there is a
 * reply.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/other_clients.h"
#include "pacing/pace.h"
#include "pacing/quota.h"

#define LAST_START_MS	1500	/* the last paced request and the look start
								 * this long before the window's end */
#define CREDIT			8		/* requests that may be sent at once after a
								 * pause */
#define SHORT_TURN		0.015	/* fraction of a window that is not worth a
								 * scout */

/* The latest time to start requests that certainly count in this window */
static int64
last_start(const BcdQuota *q)
{
	return bcd_quota_turns(q) - Min(LAST_START_MS, q->window_ms / 10);
}

/* The number of scouts still held back, and when the next one is released */
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

/* The number of requests held back for a later time, and when the next one is released */
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

/* The part of our share that is left for requests now */
static int64
ours(const BcdQuota *q, int64 now)
{
	int64		share = Max((int64) floor(q->quota * q->share + 1e-6), 1);
	int64		next;

	return Min(share - q->counted, q->left) - q->in_flight - kept(q, now, &next);
}

/* The same, if this number is held back for others */
static int64
beside(const BcdQuota *q, int64 now, double others)
{
	int64		next;

	return (int64) floor(q->left - q->in_flight - kept(q, now, &next) - others);
}

/*
 * The number of further requests that we may start in this window, as far as
 * is known now.
 *
 * If all of the remaining quota is held back for others, a single request now
 * and then finds out whether they have used it; quota left at the turn goes to
 * a scout.
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
 * May a request go at once, because no other client is likely to need the
 * quota? In a window that no reply has confirmed, only the first one may.
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
 * Unused time gives credit for a few requests at once, so that a small amount
 * of work is not delayed; the rest is spread.
 */
static double
pace(const BcdQuota *q, int64 now, int64 n)
{
	double		interval = (double) Max(last_start(q) - now, 0) / n;

	return Max(q->paced_at, now - interval * CREDIT) + interval;
}

/*
 * 0 if a request may start now, otherwise the time in ms after which to ask
 * again; the caller should also ask again after every reply.
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
	/* quota held back for others may be released before then: ask again */
	return (int64) ceil(Min(due - now, q->window_ms / 20.0));
}

/* A request has been started; its result must be passed to bcd_quota_done() */
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
