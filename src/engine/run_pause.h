/*
 * run_pause.h
 *		Runs that pause until a given time, and go on.
 */
#ifndef BCD_RUN_PAUSE_H
#define BCD_RUN_PAUSE_H

#include "engine/engine.h"

extern bool bcd_run_pause_due(const BcdRun *run);
extern int64 bcd_run_pause_deadline(const BcdRun *run, int64 now);
extern void bcd_run_pause(BcdRun *run, int64 now);
extern void bcd_run_put_off(BcdRun *run);
extern void bcd_run_park(BcdRun *run);
extern void bcd_run_unpark(BcdRun *run);

#endif							/* BCD_RUN_PAUSE_H */
