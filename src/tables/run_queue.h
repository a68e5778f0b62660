/*
 * run_queue.h
 *		Runs that wait for their turn.
 */
#ifndef BCD_RUN_QUEUE_H
#define BCD_RUN_QUEUE_H

#include "tables/run.h"

extern List *bcd_runs_next(MemoryContext cxt);
extern void bcd_run_check_room(const BcdRunRequest *request);
extern int64 bcd_run_own(const BcdRunRequest *request);
extern int64 bcd_run_join(const BcdRunRequest *request, bool *waited);

#endif							/* BCD_RUN_QUEUE_H */
