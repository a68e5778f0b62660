/*
 * store_pause.h
 *		Pauses that the store asks for, and how long we honour them.
 *
 * Pure: plain data and arithmetic.
 */
#ifndef BCD_STORE_PAUSE_H
#define BCD_STORE_PAUSE_H

#include "pacing/quota.h"

extern void bcd_patience_note(BcdQuota *q, BcdTicket ticket, long status,
							  const BcdHttpHeaders *headers, int64 now);
extern bool bcd_patience_words(const BcdQuota *q, int64 now, char *out, size_t size);

#endif							/* BCD_STORE_PAUSE_H */
