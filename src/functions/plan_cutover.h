/*
 * plan_cutover.h
 *		When a store may be planned to go live.
 */
#ifndef BCD_PLAN_CUTOVER_FUNCTION_H
#define BCD_PLAN_CUTOVER_FUNCTION_H

#include "utils/jsonb.h"

#include "tables/cutover.h"

extern void bcd_check_go_live(TimestampTz at);
extern Jsonb *bcd_plan_times(const BcdCutover *plan);

#endif							/* BCD_PLAN_CUTOVER_FUNCTION_H */
