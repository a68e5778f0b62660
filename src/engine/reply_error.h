/*
 * reply_error.h
 *		What an error reply means for each item (reply_error.c), and for whole
 *		batches (batch_split.c).
 */
#ifndef BCD_REPLY_ERROR_H
#define BCD_REPLY_ERROR_H

#include "engine/engine.h"
#include "store/verdict.h"

extern void bcd_judge(BcdJob *job, BcdVerdict verdict);
extern void bcd_judge_rest(BcdJob *job, const char *text);
extern char *bcd_reply_text(BcdJob *job, BcdItem *item);
extern void bcd_decide_dropped(BcdJob *job);
extern void bcd_decide_unsaved(BcdJob *job, BcdItem *item);

/* batch_split.c */
extern bool bcd_split(BcdJob *job, int group);
extern void bcd_parse_refusal(BcdJob *job);
extern bool bcd_set_apart(BcdJob *job);
extern bool bcd_refusal_creates_some(const BcdJob *job);
extern void bcd_decide_read_first(BcdItem *item);
extern bool bcd_read_all_first(BcdJob *job);
extern bool bcd_were_read(const BcdJob *job);
extern bool bcd_look_at_all(BcdJob *job);

extern void bcd_decide_no_id(BcdJob *job, BcdItem *item, const cJSON *record);

#endif							/* BCD_REPLY_ERROR_H */
