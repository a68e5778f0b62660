/*
 * quota.c
 *		Pacing of one store's requests by its own rate-limit headers.
 *
 * A store grants a number of requests per window to all its clients together.
 * We may use our share of them, and want to use all of it without causing a
 * 429.
 *
 * Only its reply shows in which window a request counts. So our use of the
 * current window is the number of requests that replies have placed in it,
 * plus all requests in flight: a request in flight while the window turns is
 * counted in the new one until its reply shows otherwise. Our use is never
 * underestimated, and any excess is returned with the reply.
 *
 * The store reports the end of the window as the time left, measured between
 * the start of a request and its reply. Added to the start, it gives the time
 * from which requests may count in the next window: if the time left is
 * measured at the moment at which the request was counted, they do, however
 * long they take to arrive. Added to the time of the reply, it gives the time
 * from which they certainly count there. Among several replies, the latest
 * start and the earliest reply are the most precise; a clock of whole seconds
 * can make the two swap places.
 *
 * In between, during the turn, a few requests that were held back go out: the
 * scouts. A scout that comes too early counts in the old window, which has
 * room for it; the first that does not reports the new window, and opens it if
 * windows begin with a request. The number of scouts is one more than the last
 * turn took; it is zero if the turn is so short that a request is worth more.
 * Once a scout, with nothing else in flight, has opened a window right at the
 * beginning of the turn, this is taken as the end of the window, and no more
 * scouts are held back until a request proves to be early.
 *
 * pace.c decides when requests go out within these limits.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/other_clients.h"
#include "pacing/quota.h"

#define DEFAULT_WINDOW_MS	30000
#define SURE_OF_SECONDS		5	/* consecutive times left in whole seconds */
#define FIRST_BACKOFF_MS	1000
#define LAST_BACKOFF_MS		60000
#define CALM_REPLIES		20	/* consecutive replies until one more may be
								 * in flight */

static bool is_trouble(long status);
static void strike(BcdQuota *q, int64 now, long status, int64 retry_after_ms, double random);
static void throttled(BcdQuota *q, int64 now, const BcdHttpHeaders *headers, double random);
static void note_headers(BcdQuota *q, BcdTicket ticket, int64 now, bool refused,
						 const BcdHttpHeaders *headers);
static void note_others(BcdQuota *q, int64 left, bool refused);
static void window_end(BcdQuota *q, BcdTicket ticket, int64 now, int64 reset_ms,
					   int64 *by_start, int64 *by_reply);
static void turn_window(BcdQuota *q, int64 by_start, int64 by_reply, bool whole);

void
bcd_quota_init(BcdQuota *q, double share, int max_concurrency)
{
	memset(q, 0, sizeof(*q));
	q->share = share;
	q->max_concurrency = q->concurrency = Max(max_concurrency, 1);
	q->work = PG_INT64_MAX;
	q->window_ms = DEFAULT_WINDOW_MS;
	q->scouts = 1;
}

/*
 * A request is over.  status 0: there was no reply; headers may be NULL then.
 * random, in [0,1), spreads the back-off.
 */
void
bcd_quota_done(BcdQuota *q, BcdTicket ticket, int64 now, long status,
			   const BcdHttpHeaders *headers, double random)
{
	q->in_flight = Max(q->in_flight - 1, 0);
	q->over++;
	q->newest = Max(q->newest, ticket.number);
	if (status != 0 && headers && headers->rate_quota > 0 && headers->rate_left >= 0)
		note_headers(q, ticket, now, status == 429, headers);
	else
		q->counted++;			/* it may have counted */

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
	q->over++;
	q->counted++;
}

/* The remaining quota of the store as far as we know; -1: it reports none */
int64
bcd_quota_left(const BcdQuota *q, int64 now)
{
	if (q->quota == 0)
		return -1;
	return now >= bcd_quota_turned(q) ? q->quota : q->left;
}

static bool
is_trouble(long status)
{
	return status == 0 || status == 500 || status == 502 || status == 503 || status == 504;
}

/*
 * The store fails.  Requests that were in flight together fail together, and
 * count as one strike: failures that arrive while we already wait add none.
 */
static void
strike(BcdQuota *q, int64 now, long status, int64 retry_after_ms, double random)
{
	int			doublings;
	double		delay;

	if (now < bcd_quota_blocked_until(q))
		return;
	q->strikes++;
	if (status == 429)
	{
		q->concurrency = Max(q->concurrency / 2, 1);
		q->calm = 0;
		doublings = q->strikes - 1;
	}
	else
		doublings = q->strikes - BCD_PROBE_STRIKES;
	if (doublings >= 0)
	{
		delay = Min(ldexp(FIRST_BACKOFF_MS, Min(doublings, 16)), LAST_BACKOFF_MS);
		delay *= 0.8 + 0.4 * random;
		if (status == 429)
			q->blocked_until = now + (int64) delay;
		else
			q->probe_at = now + (int64) delay;
	}
	if (retry_after_ms > 0)
		q->blocked_until = Max(q->blocked_until, now + Min(retry_after_ms, BCD_QUOTA_MAX_BLOCK_MS));
}

/*
 * A 429 that leaves quota does not concern the quota: there were too many
 * concurrent requests at this endpoint.
 */
bool
bcd_quota_crowded(long status, const BcdHttpHeaders *headers)
{
	return status == 429 && headers->rate_quota > 0 && headers->rate_left > 0;
}

/*
 * A 429: wait as the headers say, the longer of the two times. If one endpoint
 * is crowded, the caller sends it fewer requests, and nothing else has to
 * wait. If the headers say nothing, or no other request was in flight, the
 * platform is under load, and we back off.
 */
static void
throttled(BcdQuota *q, int64 now, const BcdHttpHeaders *headers, double random)
{
	bool		crowded = headers && bcd_quota_crowded(429, headers);
	int64		wait = headers ? headers->retry_after_ms : -1;

	q->throttled++;
	if (headers && headers->rate_quota > 0 && !crowded)
		wait = Max(wait, headers->rate_reset_ms);
	if (wait > 0)
		q->blocked_until = Max(q->blocked_until, now + Min(wait, BCD_QUOTA_MAX_BLOCK_MS) + BCD_TURN_GUARD_MS);
	else if (!crowded || q->in_flight == 0)
		strike(q, now, 429, -1, random);
}

/* From which time may requests count in the next window? */
int64
bcd_quota_turns(const BcdQuota *q)
{
	return Min(q->end_by_start, q->end_by_reply) + BCD_TURN_GUARD_MS;
}

/* From which time do they certainly count in it? */
int64
bcd_quota_turned(const BcdQuota *q)
{
	if (q->scouts == 0)
		return bcd_quota_turns(q);
	/* wait for the scout's reply first */
	return Max(q->end_by_start, q->end_by_reply) + 3 * BCD_TURN_GUARD_MS;
}

/*
 * The end of the window according to one reply. A time left of 0 does not show
 * since when; a time of whole seconds may be rounded either way.
 */
static void
window_end(BcdQuota *q, BcdTicket ticket, int64 now, int64 reset_ms,
		   int64 *by_start, int64 *by_reply)
{
	int64		unsure;

	if (reset_ms < 0 || reset_ms > 2 * q->window_ms)
	{
		*by_start = q->told ? q->end_by_start : now + q->window_ms;
		*by_reply = q->told ? q->end_by_reply : now + q->window_ms;
		return;
	}
	if (q->whole_seconds >= 0)
		q->whole_seconds = reset_ms % 1000 == 0 ? q->whole_seconds + 1 : -1;
	if (q->whole_seconds == SURE_OF_SECONDS)
	{
		q->end_by_start -= 1000;
		q->end_by_reply += 1000;
	}
	unsure = q->whole_seconds >= SURE_OF_SECONDS ? 1000 : 0;
	*by_start = ticket.at + reset_ms - unsure;
	*by_reply = now + reset_ms + unsure;
	if (reset_ms == 0 && q->told)
		*by_start = Min(*by_start, q->end_by_start);
}

/*
 * Learns the time of the turn from a request that was started at the turn of
 * the window, or right after it. counted: the window in which it counted.
 */
static void
note_scout(BcdQuota *q, BcdTicket ticket, int64 counted, int64 left)
{
	if (counted < ticket.window)
		q->scouts = BCD_MAX_SCOUTS; /* our estimate of the turn was wrong */
	else if (ticket.after_turn >= 0 && counted == ticket.window)
	{
		/* it was early */
		if (q->window == counted)
			q->early++;
		else
			q->scouts = Min(q->scouts + 1, BCD_MAX_SCOUTS);
	}
	else if (q->scouts == 1 && ticket.after_turn >= 0 && ticket.after_turn <= BCD_TURN_GUARD_MS &&
			 ticket.number == q->sent && left < q->quota &&
			 q->whole_seconds < SURE_OF_SECONDS)
		q->scouts = 0;
}

/*
 * Takes over how long windows are; returns whether they were of another length
 * before: then the end of the present one is not what we thought.
 */
static bool
take_length(BcdQuota *q, int64 window_ms)
{
	int64		before = q->window_ms;

	if (window_ms > 0)
		q->window_ms = Min(window_ms, BCD_QUOTA_MAX_BLOCK_MS);
	return q->window_ms != before;
}

/*
 * Learn from a reply's headers: which window it counted in, and how much quota
 * that window has left.
 */
static void
note_headers(BcdQuota *q, BcdTicket ticket, int64 now, bool refused,
			 const BcdHttpHeaders *headers)
{
	int64		left = Min(headers->rate_left, headers->rate_quota);
	int64		by_start;
	int64		by_reply;
	bool		resized = take_length(q, headers->rate_window_ms);
	bool		gone;

	window_end(q, ticket, now, headers->rate_reset_ms, &by_start, &by_reply);
	gone = q->quota > 0 && !resized && by_reply < q->end_by_start - q->window_ms / 2;
	if (q->quota == 0)
		turn_window(q, by_start, by_reply, left >= headers->rate_quota - 1);
	else if (resized || by_start > q->end_by_start + q->window_ms / 2)
		turn_window(q, by_start, by_reply, q->told && !resized);
	note_scout(q, ticket, gone ? q->window - 1 : q->window, left);
	if (gone)
		return;

	q->end_by_start = q->told ? Max(q->end_by_start, by_start) : by_start;
	q->end_by_reply = q->told ? Min(q->end_by_reply, by_reply) : by_reply;
	q->left = q->told && q->quota == headers->rate_quota ? Min(q->left, left) : left;
	q->quota = headers->rate_quota;
	q->told = true;
	q->learned = true;
	if (!refused)
		q->counted++;
	q->known_at = Max(q->known_at, ticket.at);
	note_others(q, left, refused && left == 0);
}

/* The fraction of the window that had passed at that time */
static double
position_of(const BcdQuota *q, int64 at)
{
	int64		began = bcd_quota_turns(q) - q->window_ms;
	double		position = (double) (at - began) / q->window_ms;

	return Max(Min(position, 1), 0);
}

/* Up to which fraction of the window is the use of others known? */
double
bcd_quota_known(const BcdQuota *q)
{
	return position_of(q, q->known_at);
}

/*
 * Quota that is neither left nor used by us was used by others. Of our
 * requests in flight, only those older than a request with a reply count.
 */
static void
note_others(BcdQuota *q, int64 left, bool refused)
{
	int64		used = q->quota - left - q->counted;

	bcd_others_note(&q->others, bcd_quota_known(q), Max(used - Max(q->newest - q->over, 0), 0),
					Max(used - q->in_flight, 0), left, refused);
}

/* A new window; whole: nobody can have used any of it without our notice */
static void
turn_window(BcdQuota *q, int64 by_start, int64 by_reply, bool whole)
{
	if (q->told && (q->others.found_none || position_of(q, q->started_at) > 0.5))
		bcd_others_end(&q->others);
	bcd_others_turn(&q->others, q->told && q->whole ? position_of(q, q->started_at) : 0);
	if (q->early > 0)
		q->scouts = Min(q->early + 1, BCD_MAX_SCOUTS);
	else if (q->scouts > 1)
		q->scouts--;
	q->known_at = 0;
	q->early = 0;
	q->started = 0;
	q->window++;
	q->end_by_start = by_start;
	q->end_by_reply = by_reply;
	q->left = q->quota;
	q->counted = 0;
	q->told = false;
	q->whole = whole;
}

/*
 * Turn the window when its time has come, before a reply confirms it. After a
 * pause, nothing is known about the new window, and a single request finds
 * out.
 */
void
bcd_quota_turn(BcdQuota *q, int64 now)
{
	int64		windows;

	if (now < bcd_quota_turned(q))
		return;
	windows = (now - bcd_quota_turned(q)) / q->window_ms + 1;
	if (windows > 1)
		q->learned = false;
	turn_window(q, q->end_by_start + windows * q->window_ms,
				q->end_by_reply + windows * q->window_ms, windows == 1);
}

/* Nothing is sent before this time; it is in the past if nothing is in the way */
int64
bcd_quota_blocked_until(const BcdQuota *q)
{
	return Max(q->blocked_until, q->probe_at);
}

/*
 * A user who waits may know that a failed store is back: probe it now. A pause
 * that the store asked for is kept.
 */
void
bcd_quota_probe_now(BcdQuota *q)
{
	q->probe_at = 0;
}

/* Has the store had so many consecutive failures that it is only probed? */
bool
bcd_quota_failing(const BcdQuota *q)
{
	return q->strikes >= BCD_PROBE_STRIKES;
}
