/*
 * pace.h
 *		When the next request may start, within the remaining quota.
 */
#ifndef BCD_PACE_H
#define BCD_PACE_H

#include "pacing/quota.h"

extern int64 bcd_quota_delay(BcdQuota *q, int64 now);
extern BcdTicket bcd_quota_sent(BcdQuota *q, int64 now);

#endif							/* BCD_PACE_H */
