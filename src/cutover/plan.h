/*
 * plan.h
 *		The steps that a cutover consists of.
 */
#ifndef BCD_PLAN_CUTOVER_H
#define BCD_PLAN_CUTOVER_H

#include "tables/cutover.h"

extern List *bcd_plan_steps(const BcdCutover *plan, List *before, List *after, TimestampTz now);
extern char *bcd_interval_words(const Interval *interval);

#endif							/* BCD_PLAN_CUTOVER_H */
