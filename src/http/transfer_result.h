/*
 * transfer_result.h
 *		The outcome of a transfer, and an error text for a failure.
 */
#ifndef BCD_TRANSFER_RESULT_H
#define BCD_TRANSFER_RESULT_H

#include "http/transfer.h"

extern void bcd_outcome_read(BcdHttpTransfer *transfer, CURLcode result);

#endif							/* BCD_TRANSFER_RESULT_H */
