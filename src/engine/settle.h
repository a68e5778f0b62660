/*
 * settle.h
 *		From replies to decisions, and from decisions to tables.
 */
#ifndef BCD_SETTLE_H
#define BCD_SETTLE_H

#include "engine/engine.h"

extern void bcd_settle(BcdJob *job);

#endif							/* BCD_SETTLE_H */
