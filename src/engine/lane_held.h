/*
 * lane_held.h
 *		Rows that cannot be read now, for an external reason.
 */
#ifndef BCD_LANE_HELD_H
#define BCD_LANE_HELD_H

#include "engine/engine.h"

extern void bcd_lane_held_up(BcdLane *lane, int rows, const char *reason);
extern void bcd_decide_row_held_up(BcdItem *item, const char *reason);
extern void bcd_decide_held_up(BcdItem *item, const char *reason);
extern bool bcd_lane_rests(const BcdLane *lane);
extern int64 bcd_held_nap(BcdRun *run, int64 now);

#endif							/* BCD_LANE_HELD_H */
