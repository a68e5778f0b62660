/*
 * choice_plan.h
 *		Creates the options and values that a new record needs before it is
 *		created.
 */
#ifndef BCD_CHOICE_PLAN_H
#define BCD_CHOICE_PLAN_H

#include "engine/engine.h"

extern int	bcd_plan_choices(BcdLane *lane, BcdStage stage, BcdJob **job);
extern void bcd_choices_taken(const BcdJob *job);

#endif							/* BCD_CHOICE_PLAN_H */
