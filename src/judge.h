/*
 * judge.h
 *		What a reply other than success means to the items.
 */
#ifndef BCD_JUDGE_H
#define BCD_JUDGE_H

#include "engine.h"
#include "retry.h"

extern void bcd_judge(BcdJob *job, BcdVerdict verdict);
extern void bcd_judge_rest(BcdJob *job, const char *text);
extern char *bcd_reply_text(BcdJob *job, BcdItem *item);
extern bool bcd_set_apart(BcdJob *job, const char *text);
extern void bcd_decide_unsaved(BcdJob *job, BcdItem *item);
extern void bcd_decide_refused(BcdItem *item, char *text);
extern void bcd_decide_gone(BcdItem *item);

#endif							/* BCD_JUDGE_H */
