/*
 * stop_criteria.h
 *		Criteria of a plan that stop a run by itself.
 */
#ifndef BCD_STOP_CRITERIA_H
#define BCD_STOP_CRITERIA_H

#include "engine/decision.h"
#include "engine/engine.h"

extern Jsonb *bcd_stop_criteria(Jsonb *given);
extern void bcd_stop_look(BcdRun *run);
extern void bcd_stop_row(BcdRun *run, bool failed);
extern void bcd_stop_row_read(BcdRun *run, const BcdDecision *d);
extern char *bcd_stop_judge(BcdRun *run);

#endif							/* BCD_STOP_CRITERIA_H */
