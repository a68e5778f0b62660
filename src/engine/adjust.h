/*
 * adjust.h
 *		Adjustments: writes that would change the record again if repeated.
 */
#ifndef BCD_ADJUST_H
#define BCD_ADJUST_H

#include "engine/engine.h"
#include "feed/difference.h"

extern bool bcd_adjusts(const BcdJob *job);
extern bool bcd_waits_to_be_shown(BcdItem *item, const BcdFacet *facet);
extern bool bcd_adjust_claimed(BcdItem *item, const BcdDifference *d);
extern void bcd_adjust_prepare(BcdItem *item, const cJSON *record);
extern bool bcd_adjust_read(BcdItem *item, const cJSON *record);
extern bool bcd_adjust_announce(BcdJob *job);
extern void bcd_adjust_judge(BcdJob *job);

#endif							/* BCD_ADJUST_H */
