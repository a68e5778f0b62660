/*
 * elements_read.h
 *		Reads collections that records do not show.
 */
#ifndef BCD_ELEMENTS_READ_H
#define BCD_ELEMENTS_READ_H

#include "engine/engine.h"

extern bool bcd_elements_are_due(const BcdItem *item);
extern bool bcd_read_elements_first(BcdItem *item, const cJSON *record);
extern BcdJob *bcd_plan_elements(BcdLane *lane);

#endif							/* BCD_ELEMENTS_READ_H */
