/*
 * forecast.h
 *		When a number of requests will be over: an interval that the true end
 *		lies in.
 *
 * Plain data and arithmetic, as in quota.h.
 */
#ifndef BCD_FORECAST_H
#define BCD_FORECAST_H

#include "pacing/quota.h"

#define BCD_FORECAST_SLICES	16

/* A part of a run, and the requests that were answered in it */
typedef struct BcdSlice
{
	int64		ms;
	int64		calls;
} BcdSlice;

/* What a run has achieved so far */
typedef struct BcdForecast
{
	BcdSlice	slices[BCD_FORECAST_SLICES];
	int			n;
	int			span;			/* windows, or half seconds, in each of them */
	BcdSlice	open;			/* the next one */
	int			passed;			/* windows that it has */
	int64		window;			/* the present one */
	bool		windows;		/* slices are windows of the quota */
	int64		noted_at;		/* monotonic ms; 0: never */
	int64		calls;			/* by then */
} BcdForecast;

extern void bcd_forecast_note(BcdForecast *f, const BcdQuota *q, int64 now, int64 calls, bool idle);
extern bool bcd_forecast_end(const BcdForecast *f, const BcdQuota *q, int64 now, double least, double most,
							 int64 *low_ms, int64 *high_ms);

#endif							/* BCD_FORECAST_H */
