/*
 * claim.h
 *		The claims of a run: how many rows at a time, and what if one fails.
 */
#ifndef BCD_CLAIM_H
#define BCD_CLAIM_H

#include "engine/engine.h"

/* Rows are read for about so long at a time; a claim ends early after more */
#define BCD_CLAIM_MS	200
#define BCD_CLAIM_MAX_MS	1000

extern void bcd_refill(BcdRun *run, BcdLane *lane);

#endif							/* BCD_CLAIM_H */
