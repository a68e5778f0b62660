/*
 * settle_twins.h
 *		Rows of one request that have found the same record.
 */
#ifndef BCD_SETTLE_TWINS_H
#define BCD_SETTLE_TWINS_H

#include "engine/engine.h"

extern void bcd_decide_twins(BcdJob *job);

#endif							/* BCD_SETTLE_TWINS_H */
