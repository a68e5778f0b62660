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

/* bcd_quota_delay: nothing may start before a reply arrives */
#define BCD_QUOTA_WAIT_REPLY	(PG_INT64_MAX / 2)

#define BCD_PROBE_STRIKES		3	/* consecutive failures until we only
									 * probe */
#define BCD_MAX_SCOUTS			3
#define BCD_TURN_GUARD_MS		5	/* the store's clock is as coarse as ours */

/* No header stops us for longer than this: then one request tries again */
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
	double		share;			/* our fraction of the quota */
	int			max_concurrency;

	/* as last reported by the store; quota 0: the store reports none */
	int64		quota;
	int64		left;			/* the lowest value seen in this window */
	int64		window_ms;
	bool		learned;		/* a reply has reported the quota, or shown
								 * that there is none */
	bool		told;			/* a reply of this window has been seen */
	bool		whole;			/* this window has been observed from its
								 * beginning */

	int64		window;			/* how many there were */

	/* the window's end, monotonic ms: see the head of quota.c */
	int64		end_by_start;	/* the maximum of start + time left */
	int64		end_by_reply;	/* the minimum of reply + time left */
	int			whole_seconds;	/* number of times left in whole seconds so
								 * far; -1: one was not */
	int			scouts;			/* held back for the turn of this window */
	int			early;			/* scouts that counted in this window */

	int64		work;			/* requests still to be made, as far as the
								 * caller knows */

	/* our own book; what we have used is counted + in_flight */
	int			in_flight;
	int			concurrency;	/* current maximum in flight */
	int			calm;			/* good replies since it was changed */
	int64		counted;		/* ours, answered, and counted in this window */
	int64		sent;			/* requests started */
	int64		over;			/* and those that are over */
	int64		newest;			/* greatest number of those */

	BcdOthers	others;			/* as shown by a request started */
	int64		known_at;		/* then */

	double		paced_at;		/* when the last request was due */
	int64		started_at;		/* and was started */
	int64		started;		/* known requests in this window */
	int64		blocked_until;	/* the store asked us to wait */
	int64		asked_until;	/* for longer than we will: see store_pause.c */
	int64		asked_after;	/* requests sent by then */
	int64		probe_at;		/* it is failing, and is not tried before */
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
