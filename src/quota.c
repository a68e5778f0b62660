/*
 * quota.c
 *		Pacing of one store's requests by its own rate-limit headers.
 *
 * A store grants a number of requests per window to all its clients together.
 * We may use our share of them, want to use all of that, and want no 429.
 *
 * Which window a request counts in is known only from its reply.  So what we
 * have used of the present window is what replies have placed in it, and all
 * that is in flight: a request on its way while the window turns is counted
 * in the new one until its reply says otherwise.  Nothing is counted too
 * little, and what is counted too much comes back with the reply.
 *
 * The end of the window is taken from the time left in the headers, counted
 * from when the reply came in.  That is late by the reply's way, never early,
 * and the least of several is the best.
 *
 * Requests are spread evenly over what is left of the window, by what is left
 * of our share of the quota; the rate is computed anew for each request, so
 * that requests of other clients and time lost make it change smoothly.  What
 * other clients usually take and have not taken yet is kept for them until
 * the last part of the window.
 */
#include "postgres.h"

#include <math.h>

#include "quota.h"

#define DEFAULT_WINDOW_MS	30000
#define MAX_BLOCK_MS		3600000 /* no header stops us longer at once */
#define RESET_GUARD_MS		5	/* the store's clock is as coarse as ours */
#define LAST_START_MS		1500	/* the last paced request starts this long
									 * before the window's end */
#define HEARSAY_MS			1000	/* the others' use that we may not know of */
#define KEEP_FOR_OTHERS		0.25	/* part of the window, its last, in which
									 * the others' part is given up */
#define PROBE_STRIKES		3	/* failures in a row until we only probe */
#define FIRST_BACKOFF_MS	1000
#define LAST_BACKOFF_MS		60000
#define CALM_REPLIES		20	/* in a row: one more may be in flight */

static bool is_trouble(long status);
static void strike(BcdQuota *q, int64 now, long status, int64 retry_after_ms, double random);
static void throttled(BcdQuota *q, int64 now, const BcdHttpHeaders *headers, double random);
static void note_headers(BcdQuota *q, int64 now, const BcdHttpHeaders *headers);
static void turn_window(BcdQuota *q, int64 reset_at, bool seamless);
static void turn_window_by_time(BcdQuota *q, int64 now);
static int64 sendable(const BcdQuota *q, int64 now);
static double pace(const BcdQuota *q, int64 now, int64 n);

void
bcd_quota_init(BcdQuota *q, double share, int max_concurrency)
{
	memset(q, 0, sizeof(*q));
	q->share = share;
	q->max_concurrency = q->concurrency = Max(max_concurrency, 1);
	q->window_ms = DEFAULT_WINDOW_MS;
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
	double		due;

	if (q->in_flight > 0 &&
		(q->in_flight >= q->concurrency || !q->learned || q->strikes >= PROBE_STRIKES))
		return BCD_QUOTA_WAIT_REPLY;
	if (now < q->blocked_until)
		return q->blocked_until - now;
	if (q->quota == 0)
		return 0;

	turn_window_by_time(q, now);
	due = q->reset_at + RESET_GUARD_MS;
	n = sendable(q, now);
	if (n > 0)
		due = Min(due, pace(q, now, n));
	if (due <= now)
		return 0;
	/* what is kept for others may be free before then: ask again */
	return (int64) ceil(Min(due - now, q->window_ms / 20.0));
}

/* A request has been started */
void
bcd_quota_sent(BcdQuota *q, int64 now)
{
	if (q->quota > 0)
	{
		turn_window_by_time(q, now);
		q->paced_at = Min(pace(q, now, Max(sendable(q, now), 1)), now);
	}
	q->in_flight++;
	q->sent++;
}

/*
 * A request is over.  status 0: there was no reply; headers may be NULL then.
 * random, in [0,1), spreads the back-off.
 */
void
bcd_quota_done(BcdQuota *q, int64 now, long status,
			   const BcdHttpHeaders *headers, double random)
{
	q->in_flight = Max(q->in_flight - 1, 0);
	if (status != 0 && headers && headers->rate_quota > 0 && headers->rate_left >= 0)
		note_headers(q, now, headers);
	else
		q->sent_in_window++;	/* it may have counted */

	if (status == 429)
		throttled(q, now, headers, random);
	else if (is_trouble(status))
		strike(q, now, status, headers ? headers->retry_after_ms : -1, random);
	else
	{
		q->learned = true;
		q->strikes = 0;
		if (q->concurrency < q->max_concurrency && ++q->calm >= CALM_REPLIES)
		{
			q->concurrency++;
			q->calm = 0;
		}
	}
}

/* A request was given up without waiting for its reply; no fault of the store */
void
bcd_quota_abandoned(BcdQuota *q)
{
	q->in_flight = Max(q->in_flight - 1, 0);
	q->sent_in_window++;
}

/* What is left of the store's quota as far as we know; -1: it tells none */
int64
bcd_quota_left(const BcdQuota *q, int64 now)
{
	if (q->quota == 0)
		return -1;
	return now >= q->reset_at ? q->quota : q->left;
}

static bool
is_trouble(long status)
{
	return status == 0 || status == 500 || status == 502 || status == 503 || status == 504;
}

/*
 * The store fails.  The requests that were in flight together fail together,
 * which is one strike: what comes in while we wait already adds none.
 */
static void
strike(BcdQuota *q, int64 now, long status, int64 retry_after_ms, double random)
{
	int			doublings;
	double		delay;

	if (now < q->blocked_until)
		return;
	q->strikes++;
	if (status == 429)
	{
		q->concurrency = Max(q->concurrency / 2, 1);
		q->calm = 0;
		doublings = q->strikes - 1;
	}
	else
		doublings = q->strikes - PROBE_STRIKES;
	if (doublings >= 0)
	{
		delay = Min(ldexp(FIRST_BACKOFF_MS, Min(doublings, 16)), LAST_BACKOFF_MS);
		q->blocked_until = now + (int64) (delay * (0.8 + 0.4 * random));
	}
	if (retry_after_ms > 0)
		q->blocked_until = Max(q->blocked_until, now + Min(retry_after_ms, MAX_BLOCK_MS));
}

/* A 429: wait as told; if not told, it is load and not quota, and we back off */
static void
throttled(BcdQuota *q, int64 now, const BcdHttpHeaders *headers, double random)
{
	int64		wait = -1;

	q->throttled++;
	if (headers)
		wait = Max(headers->rate_quota > 0 ? headers->rate_reset_ms : -1,
				   headers->retry_after_ms);
	if (wait <= 0)
	{
		strike(q, now, 429, -1, random);
		return;
	}
	wait = Min(wait, MAX_BLOCK_MS) + RESET_GUARD_MS;
	q->blocked_until = Max(q->blocked_until, now + wait);
}

/*
 * Learn from a reply's headers: which window it counted in, and what is left
 * of that.
 */
static void
note_headers(BcdQuota *q, int64 now, const BcdHttpHeaders *headers)
{
	int64		latest;			/* the reply's window ends between */
	int64		earliest;
	int64		left = Min(headers->rate_left, headers->rate_quota);
	int64		ours;

	if (headers->rate_window_ms > 0)
		q->window_ms = Min(headers->rate_window_ms, MAX_BLOCK_MS);
	if (headers->rate_reset_ms >= 0 && headers->rate_reset_ms <= 2 * q->window_ms)
		latest = now + headers->rate_reset_ms;
	else
		latest = q->told ? q->reset_at : now + q->window_ms;
	earliest = latest - (headers->elapsed_ms > 0 ? headers->elapsed_ms : 0);

	if (q->quota == 0)
		turn_window(q, latest, false);
	else if (earliest > q->reset_at + q->window_ms / 2)
		turn_window(q, latest, q->told);
	else if (latest < q->reset_at - q->window_ms / 2)
		return;					/* of a window gone by */

	q->reset_at = q->told ? Min(q->reset_at, latest) : latest;
	q->left = q->told && q->quota == headers->rate_quota ?
		Min(q->left, left) : left;
	q->quota = headers->rate_quota;
	q->told = true;
	q->learned = true;

	q->sent_in_window++;
	ours = q->sent_in_window + q->in_flight;
	q->others = Max(q->others, q->quota - left - ours);
}

/* A new window; seamless: it follows one that we have seen the end of */
static void
turn_window(BcdQuota *q, int64 reset_at, bool seamless)
{
	if (q->told && q->whole)
		q->others_usual = (q->others_usual + q->others) / 2;
	q->reset_at = reset_at;
	q->left = q->quota;
	q->sent_in_window = 0;
	q->others = 0;
	q->told = false;
	q->whole = seamless;
}

/*
 * Turn the window when its time has come, before a reply tells.  After a
 * pause nothing is known of the new one, and a single request finds out.
 */
static void
turn_window_by_time(BcdQuota *q, int64 now)
{
	int64		windows;

	if (now < q->reset_at + RESET_GUARD_MS)
		return;
	windows = (now - q->reset_at) / q->window_ms + 1;
	if (windows > 1)
		q->learned = false;
	turn_window(q, q->reset_at + windows * q->window_ms, windows == 1);
}

/* How many more requests we may start in this window, as things stand */
static int64
sendable(const BcdQuota *q, int64 now)
{
	int64		share = Max((int64) floor(q->quota * q->share + 1e-6), 1);
	int64		ours = q->sent_in_window + q->in_flight;
	double		time_left = Max((double) (q->reset_at - now) / q->window_ms, 0);
	double		steady = q->others_usual * time_left;
	double		kept;
	int64		safe;
	int64		planned;

	/* what is in flight, and what others take before we hear of it */
	safe = (int64) (q->left - q->in_flight - steady - q->others_usual * HEARSAY_MS / q->window_ms);

	kept = Max(q->others_usual - q->others, 0) * Min(time_left / KEEP_FOR_OTHERS, 1);
	planned = (int64) (q->quota - ours - q->others - Max(kept, steady));
	if (safe <= 0 || planned <= 0)
		return 0;
	return Min(share - ours, planned);
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
	double		last_start = q->reset_at - Min(LAST_START_MS, q->window_ms / 10);
	double		interval = Max(last_start - now, 0) / n;

	return Max(q->paced_at, now - interval * q->max_concurrency) + interval;
}

/* Has the store failed so often in a row that it is only probed? */
bool
bcd_quota_failing(const BcdQuota *q)
{
	return q->strikes >= PROBE_STRIKES;
}
