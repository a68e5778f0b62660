/*
 * outcome.h
 *		What became of a transfer: its fate, and words for a failure.
 */
#ifndef BCD_OUTCOME_H
#define BCD_OUTCOME_H

#include "transfer.h"

extern void bcd_outcome_read(BcdHttpTransfer *transfer, CURLcode result);

#endif							/* BCD_OUTCOME_H */
