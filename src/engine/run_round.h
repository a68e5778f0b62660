/*
 * run_round.h
 *		The rounds of a run: from lane to lane, and what it goes on for.
 */
#ifndef BCD_RUN_ROUND_H
#define BCD_RUN_ROUND_H

#include "engine/engine.h"

extern bool bcd_go_on_claiming(BcdRun *run);
extern int64 bcd_advance(BcdRun *run, int64 now);

#endif							/* BCD_RUN_ROUND_H */
