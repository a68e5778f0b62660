/*
 * run_start.h
 *		Starts a run: finds its store, makes its lanes.
 */
#ifndef BCD_RUN_START_H
#define BCD_RUN_START_H

#include "engine/engine.h"

extern BcdFeed *bcd_run_feed(const BcdRun *run, const char *name);
extern void bcd_run_begin(int64 run_id);
extern void bcd_run_add_late(BcdRun *run);
extern void bcd_fold_all(void);

#endif							/* BCD_RUN_START_H */
