/*
 * store_full.h
 *		Records that the store has no room for.
 */
#ifndef BCD_STORE_FULL_H
#define BCD_STORE_FULL_H

#include "engine/engine.h"

extern int	bcd_store_room(const BcdLane *lane);
extern BcdJob *bcd_plan_full(BcdLane *lane);

#endif							/* BCD_STORE_FULL_H */
