/*
 * choice_plan.h
 *		What has to be in the store before a record is created that chooses from
 *		it.
 */
#ifndef BCD_CHOICE_PLAN_H
#define BCD_CHOICE_PLAN_H

#include "engine/engine.h"

extern bool bcd_plan_choices(BcdLane *lane, BcdJob **job);

#endif							/* BCD_CHOICE_PLAN_H */
