/*
 * estimate.c
 *		How long requests that are still to be made will take.
 */
#include "postgres.h"

#include "pacing/estimate.h"

/* Of a request, if the quota does not hold it back */
#define USUAL_LATENCY_MS	250

/*
 * Returns the seconds that so many requests take within a quota, one at least;
 * seconds: that one takes, or 0 if that is not known.
 */
int64
bcd_quota_estimate(const BcdQuota *q, int64 now, int64 calls, double seconds)
{
	double		ms = calls * (seconds > 0 ? seconds * 1000 : USUAL_LATENCY_MS) / Max(q->concurrency, 1);
	double		each_window = Max(q->quota * q->share, 1);
	double		rest = calls - bcd_quota_left(q, now) * q->share;

	if (q->quota > 0 && q->window_ms > 0 && rest > 0)
		ms = Max(ms, rest * q->window_ms / each_window);
	return calls == 0 ? 0 : (int64) (ms / 1000) + 1;
}
