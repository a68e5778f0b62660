/*
 * plan.h
 *		Makes the next request from waiting items.
 */
#ifndef BCD_PLAN_H
#define BCD_PLAN_H

#include "engine/engine.h"

extern BcdJob *bcd_plan_next(BcdLane *lane);

#endif							/* BCD_PLAN_H */
