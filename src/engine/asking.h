/*
 * asking.h
 *		The item that asks the store what it keeps.
 */
#ifndef BCD_ASKING_H
#define BCD_ASKING_H

#include "engine/engine.h"

extern bool bcd_nested_was_written(BcdItem *item, BcdStage stage);
extern void bcd_nested_take_over(BcdItem *item, const BcdDecision *d);
extern void bcd_nested_leaves(BcdGates *gates, const BcdItem *item);

#endif							/* BCD_ASKING_H */
