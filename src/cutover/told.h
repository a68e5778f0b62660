/*
 * told.h
 *		What people are told about the times of a plan.
 */
#ifndef BCD_TOLD_H
#define BCD_TOLD_H

#include "tables/cutover.h"

extern char *bcd_time_words(TimestampTz at, const char *zone_name);
extern void bcd_tell_go_live(const BcdCutover *plan);
extern void bcd_tell_clocks(const BcdCutover *plan);
extern void bcd_tell_misfits(const BcdCutover *plan, List *steps, TimestampTz now);

#endif							/* BCD_TOLD_H */
