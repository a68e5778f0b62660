/*
 * run_forecast.h
 *		How long a run will take, and what it waits for.
 */
#ifndef BCD_RUN_FORECAST_H
#define BCD_RUN_FORECAST_H

#include "engine/engine.h"

extern void bcd_forecast_expect(BcdRun *run);
extern void bcd_forecast_row_done(BcdLane *lane);
extern void bcd_forecast_show(BcdRun *run, int64 now, int64 blocked_until);

#endif							/* BCD_RUN_FORECAST_H */
