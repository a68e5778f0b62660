/*
 * verify_changed.h
 *		A verify of what may have changed since the last one.
 */
#ifndef BCD_VERIFY_CHANGED_H
#define BCD_VERIFY_CHANGED_H

#include "engine/engine.h"

extern void bcd_changed_begin(BcdRun *run, BcdLane *lane);
extern BcdJob *bcd_changed_plan(BcdRun *run, BcdLane *lane);
extern void bcd_changed_next(BcdRun *run, BcdLane *lane);

#endif							/* BCD_VERIFY_CHANGED_H */
