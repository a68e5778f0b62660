/*
 * endpoint_trouble.h
 *		Rows that met trouble at an endpoint, and come back when it works again.
 */
#ifndef BCD_ENDPOINT_TROUBLE_H
#define BCD_ENDPOINT_TROUBLE_H

#include "engine/engine.h"

extern int64 bcd_early_run_ms(BcdJob *job, int attempts);
extern void bcd_early_decide(BcdJob *job, BcdItem *item, int attempts, char *text);
extern int64 bcd_early_wake(BcdRun *run, int64 *next_ms);

#endif							/* BCD_ENDPOINT_TROUBLE_H */
