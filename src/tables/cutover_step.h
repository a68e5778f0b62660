/*
 * cutover_step.h
 *		bcdelta.cutover_step: what plans of cutovers do, step after step.
 */
#ifndef BCD_TABLE_CUTOVER_STEP_H
#define BCD_TABLE_CUTOVER_STEP_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A step; in the current memory context */
typedef struct BcdCutoverStep
{
	int			step;
	const char *name;
	const char *kind;
	const char *detail;			/* the mode, stage or event; or NULL */
	Interval	apart;			/* from go-live */
	TimestampTz due;
	TimestampTz not_after;		/* DT_NOEND: however late */
	Interval   *every;			/* NULL: once */
	const char *state;
	int64		run_id;			/* 0: it had none yet */
	const char *note;			/* or NULL */
} BcdCutoverStep;

extern void bcd_step_insert(int64 plan_id, const BcdCutoverStep *step);
extern List *bcd_steps(int64 plan_id);
extern void bcd_step_plan(int64 plan_id, const BcdCutoverStep *step);
extern void bcd_step_started(int64 plan_id, int step, const char *state, int64 run_id);
extern void bcd_step_ended(int64 plan_id, int step, const char *state, const char *measured, const char *by);
extern void bcd_step_repeats(int64 plan_id, int step, TimestampTz due, const char *measured);
extern bool bcd_step_noted(int64 plan_id, int step, const char *note);
extern void bcd_steps_skip(int64 plan_id, const char *note, const char *by);
extern TimestampTz bcd_steps_next(const char *home, TimestampTz now);
extern void bcd_step_rows(int64 plan_id, void (*put) (Datum *values, bool *nulls, void *arg), void *arg);

#endif							/* BCD_TABLE_CUTOVER_STEP_H */
