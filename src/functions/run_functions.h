/*
 * run_functions.h
 *		What SQL functions that request runs have in common.
 */
#ifndef BCD_RUN_FUNCTIONS_H
#define BCD_RUN_FUNCTIONS_H

#include "base/shmem.h"

extern void bcd_prepare_call(BcdCall *call, BcdCallKind kind, const char *feed, const char *server);
extern Datum bcd_run_datum(int64 run_id);

#endif							/* BCD_RUN_FUNCTIONS_H */
