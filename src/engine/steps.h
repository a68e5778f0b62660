/*
 * steps.h
 *		A bound for what an item does in a run.
 */
#ifndef BCD_ENGINE_STEPS_H
#define BCD_ENGINE_STEPS_H

#include "engine/engine.h"

extern bool bcd_steps_are_too_many(int steps, int tasks);
extern void bcd_check_steps(BcdJob *job);
extern void bcd_count_steps(BcdJob *job);

#endif							/* BCD_ENGINE_STEPS_H */
