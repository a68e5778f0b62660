/*
 * lane.h
 *		Lanes: how many items they hold, what they may send, and when they are
 *		stopped before their run ends.
 */
#ifndef BCD_LANE_H
#define BCD_LANE_H

#include "engine/engine.h"

extern BcdLane *bcd_run_lane(const BcdRun *run, const char *feed);
extern bool bcd_lane_has_room(const BcdLane *lane);
extern int64 bcd_lane_delay(BcdLane *lane, int64 now);
extern void bcd_lane_empty(BcdLane *lane, const BcdLane *owner);
extern void bcd_lane_stop(BcdLane *lane, const char *reason);
extern bool bcd_lane_keep(BcdLane *lane);
extern char *bcd_lane_hold(BcdLane *lane);
extern void bcd_runs_look(void);
extern void bcd_lanes_went_well(BcdRun *run);
extern bool bcd_lane_asks(const BcdLane *lane);

#endif							/* BCD_LANE_H */
