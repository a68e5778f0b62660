/*
 * exchange_turn.h
 *		Decides whose turn it is to write values that must be unique.
 */
#ifndef BCD_EXCHANGE_TURN_H
#define BCD_EXCHANGE_TURN_H

#include "engine/engine.h"

extern BcdJob *bcd_plan_turn(BcdLane *lane);

#endif							/* BCD_EXCHANGE_TURN_H */
