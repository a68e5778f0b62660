/*
 * choice_read.h
 *		Reads the options of parents, and their values, for many at a time.
 */
#ifndef BCD_CHOICE_READ_H
#define BCD_CHOICE_READ_H

#include "engine/engine.h"
#include "store/verdict.h"

extern bool bcd_choices_busy(const BcdLane *lane, int64 parent);
extern bool bcd_choices_wait(const BcdLane *lane, BcdStage stage);
extern char *bcd_choice_path(const char *template, int64 parent);
extern BcdJob *bcd_choice_job(BcdLane *lane, BcdStage stage, const int64 *parents, int n,
							  const char *method, const char *path, const char *body);
extern void bcd_choice_again(BcdJob *job);
extern void bcd_choice_job_take(BcdJob *job, BcdItem *item);
extern BcdJob *bcd_choice_read_job(BcdLane *lane, BcdStage stage);
extern bool bcd_choices_read_apart(BcdJob *job, BcdVerdict verdict);

#endif							/* BCD_CHOICE_READ_H */
