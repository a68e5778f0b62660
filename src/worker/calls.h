/*
 * calls.h
 *		Calls from SQL functions to the worker, and its answers.
 */
#ifndef BCD_CALLS_H
#define BCD_CALLS_H

#include "base/shmem.h"

/* called by SQL functions */
extern void bcd_call_check_worker(void);
extern void bcd_call(BcdCall *call);

/* called by the worker */
extern int	bcd_call_next(BcdCall *copy);
extern void bcd_call_accepted(int number, int64 run_id);
extern void bcd_call_done(int number, int64 result, const char *error);
extern bool bcd_call_abandoned(int number);
extern void bcd_calls_end(Oid dbid, const char *error);

#endif							/* BCD_CALLS_H */
