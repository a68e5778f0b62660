/*
 * quota.h
 *		Pacing of one store's requests by its own rate-limit headers.
 *
 * Plain data and arithmetic: the caller passes a monotonic clock in
 * milliseconds, so that a clock that jumps changes nothing.
 */
#ifndef BCD_QUOTA_H
#define BCD_QUOTA_H

#include "request.h"

/* bcd_quota_delay: nothing may start before a reply comes in */
#define BCD_QUOTA_WAIT_REPLY	(PG_INT64_MAX / 2)

typedef struct BcdQuota
{
	double		share;			/* part of the quota that is ours */
	int			max_concurrency;

	/* as last told by the store; quota 0: the store tells no quota */
	int64		quota;
	int64		left;			/* the least seen in this window */
	int64		window_ms;
	int64		reset_at;		/* monotonic ms, rather late than early */
	bool		learned;		/* a reply told of quota, or that there is
								 * none */
	bool		told;			/* a reply of this window has been seen */
	bool		whole;			/* this window is seen from its beginning */

	/* our own book; what we have used is sent_in_window + in_flight */
	int			in_flight;
	int			concurrency;	/* in flight at most, for the time being */
	int			calm;			/* good replies since it was changed */
	int64		sent_in_window; /* ours and answered, as far as it counts here */
	int64		others;			/* used by others in this window, at least */
	double		others_usual;	/* and in a usual window */
	double		paced_at;		/* when the last request was due */
	int64		blocked_until;	/* a 429 or a failing store */
	int			strikes;		/* consecutive 429s without headers, 5xx,
								 * time-outs */
	int64		throttled;		/* 429s seen */
	int64		sent;			/* requests started */
} BcdQuota;

extern void bcd_quota_init(BcdQuota *q, double share, int max_concurrency);
extern int64 bcd_quota_delay(BcdQuota *q, int64 now);
extern void bcd_quota_sent(BcdQuota *q, int64 now);
extern void bcd_quota_done(BcdQuota *q, int64 now, long status,
						   const BcdHttpHeaders *headers, double random);
extern void bcd_quota_abandoned(BcdQuota *q);
extern bool bcd_quota_failing(const BcdQuota *q);
extern int64 bcd_quota_left(const BcdQuota *q, int64 now);

#endif							/* BCD_QUOTA_H */
