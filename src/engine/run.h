/*
 * run.h
 *		A run from its start to its end.
 */
#ifndef BCD_RUN_H
#define BCD_RUN_H

#include "engine/engine.h"

extern int64 bcd_run_step(BcdRun *run, int64 now);
extern void bcd_run_cancel(BcdRun *run, const char *reason);
extern void bcd_run_drop(BcdRun *run);

#endif							/* BCD_RUN_H */
