/*
 * cutover_place.h
 *		When the steps of a cutover are due.
 */
#ifndef BCD_CUTOVER_PLACE_H
#define BCD_CUTOVER_PLACE_H

#include "tables/cutover.h"
#include "tables/cutover_step.h"

/* Sweeps after that do more harm than good */
#define BCD_LAST_SWEEP_DAYS	14

extern bool bcd_step_is_free(const BcdCutoverStep *s);
extern TimestampTz bcd_freeze_time(const BcdCutover *plan);
extern TimestampTz bcd_watch_end(const BcdCutover *plan);
extern void bcd_steps_place(const BcdCutover *plan, List *steps, TimestampTz now);

#endif							/* BCD_CUTOVER_PLACE_H */
