/*
 * cutover_step_kinds.h
 *		What the kinds of steps of a cutover do.
 */
#ifndef BCD_CUTOVER_STEP_KINDS_H
#define BCD_CUTOVER_STEP_KINDS_H

#include "nodes/pg_list.h"
#include "tables/cutover.h"
#include "tables/cutover_step.h"

/* A look at a plan */
typedef struct BcdCutoverLook
{
	BcdCutover *plan;
	List	   *steps;
	TimestampTz now;
	BcdCutoverStep *at;			/* the step at hand, for what its errors say */
} BcdCutoverLook;

extern void bcd_step_start(BcdCutoverLook *look, BcdCutoverStep *s);
extern void bcd_step_run_ended(BcdCutoverLook *look, BcdCutoverStep *s);
extern void bcd_cutover_stop(BcdCutoverLook *look, const char *reason);
extern void bcd_step_end(const BcdCutover *plan, BcdCutoverStep *s, const char *state, const char *measured);

#endif							/* BCD_CUTOVER_STEP_KINDS_H */
