/*
 * verify_level.h
 *		Levels of stock that a verify reads, although it does not compare them.
 */
#ifndef BCD_VERIFY_LEVEL_H
#define BCD_VERIFY_LEVEL_H

#include "engine/engine.h"

extern void bcd_verify_level(BcdItem *item, const cJSON *record);
extern void bcd_verify_levels(BcdLane *lane, BcdItem **items, int n);

#endif							/* BCD_VERIFY_LEVEL_H */
