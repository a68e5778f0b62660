/*
 * stage_end.h
 *		Whether more items will come to a stage.
 */
#ifndef BCD_STAGE_END_H
#define BCD_STAGE_END_H

#include "engine/engine.h"

extern bool bcd_stage_is_idle(const BcdLane *lane, BcdStage stage);
extern bool bcd_rechecks_last(const BcdLane *lane);
extern bool bcd_stage_is_exhausted(const BcdLane *lane, BcdStage stage);

#endif							/* BCD_STAGE_END_H */
