/*
 * plan_words.h
 *		What a plan says of itself: steps, causes, and the calls to make.
 */
#ifndef BCD_PLAN_WORDS_H
#define BCD_PLAN_WORDS_H

#include "papers/paper.h"
#include "tables/cutover_step_report.h"
#include "tables/journal_report.h"

extern char *bcd_short_time(TimestampTz at);
extern bool bcd_step_is_over(const BcdStepShown *step);
extern const BcdStepShown *bcd_plan_last_step(const BcdPaper *paper);
extern const BcdStepShown *bcd_plan_next_step(const BcdPaper *paper);
extern TimestampTz bcd_plan_stage_at(const BcdPaper *paper, const char *stage, TimestampTz otherwise);
extern const BcdDecisionShown *bcd_plan_decision(const BcdPaper *paper);
extern char *bcd_plan_cause(BcdPaper *paper);
extern bool bcd_plan_undo_all(BcdPaper *paper, BcdUndoCost *cost);

extern char *bcd_call_check(BcdPaper *paper);
extern char *bcd_call_go(BcdPaper *paper);
extern char *bcd_call_hold(BcdPaper *paper);
extern char *bcd_call_move(BcdPaper *paper);
extern char *bcd_call_abort(BcdPaper *paper);
extern char *bcd_call_leaks(BcdPaper *paper);
extern char *bcd_call_runbook(BcdPaper *paper);
extern char *bcd_call_sop(BcdPaper *paper);
extern char *bcd_call_rollback_since(const BcdPaper *paper, TimestampTz since);

#endif							/* BCD_PLAN_WORDS_H */
