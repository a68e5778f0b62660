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
 * The window's end is told as the time left, at a moment between the start of
 * a request and its reply.  Added to the start, that gives the time from which
 * on requests may count in the next window: if the time left is told for the
 * moment at which the request was counted, they do, however long the way there
 * takes.  Added to the time of the reply, it gives the time from which on they
 * do in any case.  Of several replies the latest start and the earliest reply
 * tell most; a clock of whole seconds can make the two change places.
 *
 * In between, the turn, a few requests that were kept go out: the scouts.
 * One that comes too early counts in the old window, which has room for it;
 * the first that does not tells of the new window, and opens it where windows
 * begin with a request.  As many are kept as the last turn took, and one more;
 * none where the turn is so short that a request is worth more.  Once a scout,
 * with nothing else under way, opened a window right at the beginning of the
 * turn, that is the window's end, and none is kept any more, until a request
 * proves to be early.
 *
 * When requests go out within all this is decided in pace.c.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/other_clients.h"
#include "pacing/quota.h"

#define DEFAULT_WINDOW_MS	30000
#define SURE_OF_SECONDS		5	/* times left of whole seconds in a row */
#define FIRST_BACKOFF_MS	1000
#define LAST_BACKOFF_MS		60000
#define CALM_REPLIES		20	/* in a row: one more may be in flight */

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

/* What is left of the store's quota as far as we know; -1: it tells none */
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
 * The store fails.  The requests that were in flight together fail together,
 * which is one strike: what comes in while we wait already adds none.
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
 * A 429 that leaves quota is not about the quota: too many requests at this
 * endpoint at a time.
 */
bool
bcd_quota_crowded(long status, const BcdHttpHeaders *headers)
{
	return status == 429 && headers->rate_quota > 0 && headers->rate_left > 0;
}

/*
 * A 429: wait as told, the longer of two.  Where one endpoint is crowded, the
 * caller sends fewer to it, and nothing else has to wait.  If nothing is told
 * or there were no others, it is load, and we back off.
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

/* From when on may requests count in the next window? */
int64
bcd_quota_turns(const BcdQuota *q)
{
	return Min(q->end_by_start, q->end_by_reply) + BCD_TURN_GUARD_MS;
}

/* And from when on do they in any case? */
int64
bcd_quota_turned(const BcdQuota *q)
{
	if (q->scouts == 0)
		return bcd_quota_turns(q);
	/* the scout's reply comes first */
	return Max(q->end_by_start, q->end_by_reply) + 3 * BCD_TURN_GUARD_MS;
}

/*
 * The window's end by one reply.  A time left of 0 does not tell since when;
 * one of whole seconds may be rounded either way.
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
 * What a request that was started at the turn of the window, or right after
 * it, tells of when that is.  counted: the window in which it counted.
 */
static void
note_scout(BcdQuota *q, BcdTicket ticket, int64 counted, int64 left)
{
	if (counted < ticket.window)
		q->scouts = BCD_MAX_SCOUTS; /* we were wrong about the turn */
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
 * Learn from a reply's headers: which window it counted in, and what is left
 * of that.
 */
static void
note_headers(BcdQuota *q, BcdTicket ticket, int64 now, bool refused,
			 const BcdHttpHeaders *headers)
{
	int64		left = Min(headers->rate_left, headers->rate_quota);
	int64		by_start;
	int64		by_reply;
	bool		gone;

	if (headers->rate_window_ms > 0)
		q->window_ms = Min(headers->rate_window_ms, BCD_QUOTA_MAX_BLOCK_MS);
	window_end(q, ticket, now, headers->rate_reset_ms, &by_start, &by_reply);
	gone = q->quota > 0 && by_reply < q->end_by_start - q->window_ms / 2;
	if (q->quota == 0)
		turn_window(q, by_start, by_reply, left >= headers->rate_quota - 1);
	else if (by_start > q->end_by_start + q->window_ms / 2)
		turn_window(q, by_start, by_reply, q->told);
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

/* The part of the window that had passed at that time */
static double
position_of(const BcdQuota *q, int64 at)
{
	int64		began = bcd_quota_turns(q) - q->window_ms;
	double		position = (double) (at - began) / q->window_ms;

	return Max(Min(position, 1), 0);
}

/* Up to which part of the window do we know what others have used? */
double
bcd_quota_known(const BcdQuota *q)
{
	return position_of(q, q->known_at);
}

/*
 * What is neither left nor used by us was used by others.  Of our requests in
 * flight only those count that are older than one with a reply.
 */
static void
note_others(BcdQuota *q, int64 left, bool refused)
{
	int64		used = q->quota - left - q->counted;

	bcd_others_note(&q->others, bcd_quota_known(q), Max(used - Max(q->newest - q->over, 0), 0),
					Max(used - q->in_flight, 0), left, refused);
}

/* A new window; whole: nobody has used any of it unseen by us */
static void
turn_window(BcdQuota *q, int64 by_start, int64 by_reply, bool whole)
{
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
 * Turn the window when its time has come, before a reply tells.  After a
 * pause nothing is known of the new one, and a single request finds out.
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

/* Nothing is sent before; in the past when nothing is in the way */
int64
bcd_quota_blocked_until(const BcdQuota *q)
{
	return Max(q->blocked_until, q->probe_at);
}

/*
 * Somebody waits who may know that a store that failed is back: probe it now.
 * A wait that the store has asked for is kept.
 */
void
bcd_quota_probe_now(BcdQuota *q)
{
	q->probe_at = 0;
}

/* Has the store failed so often in a row that it is only probed? */
bool
bcd_quota_failing(const BcdQuota *q)
{
	return q->strikes >= BCD_PROBE_STRIKES;
}
