/*
 * forecast.c
 *		When a number of requests will be over: an interval that the true end
 *		lies in.
 *
 * What a run achieves depends on its latency, on its share of the quota and on
 * what other clients leave of that; so it is measured.  The unit is the window
 * of the quota, as requests are not spread evenly over it; without a quota, it
 * is half a second.  The slowest and the fastest slice give the interval, and
 * the fewer slices there are, the more is added to it.  Up to 16 of them are
 * kept; then each two become one.
 *
 * Whatever was measured, the quota sets a limit that no run can exceed.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/forecast.h"

#define SLICE_MS		500		/* without a quota */
#define TAIL_MS			1000	/* what the end of a run may take besides */
#define WHOLE			0.8		/* of a window */
#define FEW_CALLS		5		/* say nothing about a rate */
#define LEAST_SHARE		0.1		/* others hardly ever leave less */

/* Two slices become one. */
static void
merge(BcdForecast *f)
{
	int			i;

	for (i = 0; i < BCD_FORECAST_SLICES / 2; i++)
	{
		f->slices[i].ms = f->slices[2 * i].ms + f->slices[2 * i + 1].ms;
		f->slices[i].calls = f->slices[2 * i].calls + f->slices[2 * i + 1].calls;
	}
	f->n = BCD_FORECAST_SLICES / 2;
	f->span *= 2;
}

/*
 * Windows in which the run has begun, or was idle for long, are no measure;
 * after a pause, one may also be counted twice until the store's reply.
 */
static void
close_slice(BcdForecast *f, const BcdQuota *q)
{
	BcdSlice	none = {0, 0};

	if (!f->windows || f->open.ms >= WHOLE * q->window_ms * f->span)
	{
		if (f->n == BCD_FORECAST_SLICES)
			merge(f);
		f->slices[f->n++] = f->open;
	}
	f->open = none;
	f->passed = 0;
}

/*
 * So many requests have been answered by now, in the whole run.  idle: since
 * the last call of this function, it has waited for something that is not the
 * quota; that time does not count.
 */
void
bcd_forecast_note(BcdForecast *f, const BcdQuota *q, int64 now, int64 calls, bool idle)
{
	if (f->noted_at == 0 || f->windows != (q->quota > 0))
	{
		BcdForecast fresh = {.span = 1,.noted_at = now,.calls = calls,.window = q->window};

		fresh.windows = q->quota > 0;
		/* what was done before the quota was known is part of the window */
		fresh.open = f->open;
		*f = fresh;
	}
	if (!idle)
		f->open.ms += now - f->noted_at;
	f->open.calls += calls - f->calls;
	f->noted_at = now;
	f->calls = calls;
	if (f->windows && q->window != f->window)
		f->passed++;
	f->window = q->window;
	if (f->windows ? f->passed >= f->span : f->open.ms >= SLICE_MS * f->span)
		close_slice(f, q);
}

/* Requests of ours that the quota allows in each window, and at once */
static double
allowed(const BcdQuota *q)
{
	return Max(floor(q->quota * q->share + 1e-6), 1);
}

static double
allowed_now(const BcdQuota *q, int64 now)
{
	if (now >= bcd_quota_turned(q))
		return allowed(q);
	return Max(Min(q->left, allowed(q) - q->counted), 0);
}

/* The least time that the quota makes so many requests take, in ms */
static double
quota_time(const BcdQuota *q, int64 now, double calls)
{
	double		rest = calls - allowed_now(q, now);

	if (q->quota == 0 || rest <= 0)
		return 0;
	return Max(bcd_quota_turns(q) - now, 0) + (ceil(rest / allowed(q)) - 1) * q->window_ms;
}

/*
 * Sets the highest and the lowest rate that can be expected, in requests per
 * ms.  Returns false if nothing is known.
 */
static bool
rates(const BcdForecast *f, const BcdQuota *q, double *fast, double *slow)
{
	double		so_far = f->open.calls >= FEW_CALLS ? f->open.calls / (double) Max(f->open.ms, 1) : 0;
	double		margin = 1 + 1 / sqrt(Max(f->n, 1)) / 2;
	int			i;

	*fast = 0;
	*slow = HUGE_VAL;
	for (i = 0; i < f->n; i++)
	{
		double		rate = f->slices[i].calls / (double) Max(f->slices[i].ms, 1);

		*fast = Max(*fast, rate);
		*slow = Min(*slow, rate);
	}
	if (f->n > 0 && *fast > 0)
	{
		*fast *= margin;
		*slow = Max(*slow, *fast / 100) / margin;
		return true;
	}
	if (q->quota > 0)
	{
		double		taken = Max(bcd_others_share(&q->others, q->quota), 0);

		*fast = allowed(q) / q->window_ms;
		*slow = *fast * Max(1 - taken, LEAST_SHARE) / 2;
		if (so_far > 0)
			*slow = Min(*slow, so_far / 2);
		return true;
	}
	*fast = so_far * 3;
	*slow = so_far / 3;
	return so_far > 0;
}

/*
 * Sets the time that at least so many requests take at least, and at most so
 * many at most.  Returns false if nothing is known of that.
 */
bool
bcd_forecast_end(const BcdForecast *f, const BcdQuota *q, int64 now, double least, double most,
				 int64 *low_ms, int64 *high_ms)
{
	int64		window = q->quota > 0 ? q->window_ms : 0;
	double		fast;
	double		slow;
	double		high;

	if (!rates(f, q, &fast, &slow))
		return false;
	/* the last window may be over long before its end */
	*low_ms = (int64) Max(quota_time(q, now, least), least / fast - window);
	*low_ms = Max(*low_ms, 0);
	high = most / slow;
	if (window > 0 && most > allowed_now(q, now))
		high = Max(bcd_quota_turned(q) - now, 0) + ceil(high / window) * window;
	*high_ms = (int64) Min(high, PG_INT64_MAX / 4.0) + TAIL_MS;
	return true;
}
