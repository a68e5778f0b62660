/*
 * claim.h
 *		Claims rows for a run: how many at a time, and what happens on failure.
 */
#ifndef BCD_CLAIM_H
#define BCD_CLAIM_H

#include "engine/engine.h"

/* Rows are read for about so long at a time; a claim ends early after more */
#define BCD_CLAIM_MS	200
#define BCD_CLAIM_MAX_MS	1000

extern void bcd_refill(BcdRun *run, BcdLane *lane);

#endif							/* BCD_CLAIM_H */
