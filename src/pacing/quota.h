/*
 * quota.h
 *		Pacing of one store's requests by its own rate-limit headers.
 *
 * Plain data and arithmetic: the caller passes a monotonic clock in
 * milliseconds, so that a clock that jumps changes nothing.
 */
#ifndef BCD_QUOTA_H
#define BCD_QUOTA_H

#include "http/request.h"
#include "pacing/other_clients.h"

/* bcd_quota_delay: nothing may start before a reply comes in */
#define BCD_QUOTA_WAIT_REPLY	(PG_INT64_MAX / 2)

#define BCD_PROBE_STRIKES		3	/* failures in a row until we only probe */
#define BCD_MAX_SCOUTS			3
#define BCD_TURN_GUARD_MS		5	/* the store's clock is as coarse as ours */

/* No header stops us for longer at once: then one request asks again */
#define BCD_QUOTA_MAX_BLOCK_MS	120000

/* A request that was started */
typedef struct BcdTicket
{
	int64		number;
	int64		at;
	int64		window;			/* in which it counts, or in the next one: */
	int64		after_turn;		/* ms since that may have ended; -1: it has
								 * not */
} BcdTicket;

typedef struct BcdQuota
{
	double		share;			/* part of the quota that is ours */
	int			max_concurrency;

	/* as last told by the store; quota 0: the store tells no quota */
	int64		quota;
	int64		left;			/* the least seen in this window */
	int64		window_ms;
	bool		learned;		/* a reply told of quota, or that there is
								 * none */
	bool		told;			/* a reply of this window has been seen */
	bool		whole;			/* this window is seen from its beginning */

	int64		window;			/* how many there were */

	/* the window's end, monotonic ms: see the head of quota.c */
	int64		end_by_start;	/* the most of start + time left */
	int64		end_by_reply;	/* the least of reply + time left */
	int			whole_seconds;	/* times left told so far that were such; -1:
								 * one was not */
	int			scouts;			/* kept for the turn of this window */
	int			early;			/* scouts that counted in this window */

	int64		work;			/* requests that are still to be made, as far
								 * as the caller knows */

	/* our own book; what we have used is counted + in_flight */
	int			in_flight;
	int			concurrency;	/* in flight at most, for the time being */
	int			calm;			/* good replies since it was changed */
	int64		counted;		/* ours and answered, as far as it counts here */
	int64		sent;			/* requests started */
	int64		over;			/* and those that are over */
	int64		newest;			/* greatest number of those */

	BcdOthers	others;			/* as known from a request started */
	int64		known_at;		/* then */

	double		paced_at;		/* when the last request was due */
	int64		started_at;		/* and was started */
	int64		started;		/* requests in this window, as far as we know */
	int64		blocked_until;	/* the store wants us to wait */
	int64		asked_until;	/* for longer than we do: see store_pause.c */
	int64		asked_after;	/* requests sent by then */
	int64		probe_at;		/* it fails, and is not tried before */
	int			strikes;		/* consecutive 429s without headers, 5xx,
								 * time-outs */
	int64		throttled;		/* 429s seen */
} BcdQuota;

extern void bcd_quota_init(BcdQuota *q, double share, int max_concurrency);
extern void bcd_quota_done(BcdQuota *q, BcdTicket ticket, int64 now, long status,
						   const BcdHttpHeaders *headers, double random);
extern void bcd_quota_abandoned(BcdQuota *q);
extern bool bcd_quota_crowded(long status, const BcdHttpHeaders *headers);
extern int64 bcd_quota_blocked_until(const BcdQuota *q);
extern void bcd_quota_probe_now(BcdQuota *q);
extern bool bcd_quota_failing(const BcdQuota *q);
extern void bcd_quota_turn(BcdQuota *q, int64 now);
extern int64 bcd_quota_turns(const BcdQuota *q);
extern int64 bcd_quota_turned(const BcdQuota *q);
extern double bcd_quota_known(const BcdQuota *q);
extern int64 bcd_quota_left(const BcdQuota *q, int64 now);

#endif							/* BCD_QUOTA_H */
