/*
 * claim.h
 *		The claims of a run: how many rows at a time, and what if one fails.
 */
#ifndef BCD_CLAIM_H
#define BCD_CLAIM_H

#include "engine/engine.h"

extern void bcd_refill(BcdRun *run, BcdLane *lane);

#endif							/* BCD_CLAIM_H */
