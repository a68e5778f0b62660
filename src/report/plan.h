/*
 * plan.h
 *		The plan of a cutover, and what speaks against going live.
 */
#ifndef BCD_REPORT_PLAN_H
#define BCD_REPORT_PLAN_H

#include "lib/stringinfo.h"

#include "papers/paper.h"

extern void bcd_put_override(StringInfo out, const BcdPaper *paper);
extern void bcd_put_plan(StringInfo out, BcdPaper *paper);

#endif							/* BCD_REPORT_PLAN_H */
