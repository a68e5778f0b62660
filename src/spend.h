/*
 * spend.h
 *		When the next request may start, within what is left of the quota.
 */
#ifndef BCD_SPEND_H
#define BCD_SPEND_H

#include "quota.h"

extern int64 bcd_quota_delay(BcdQuota *q, int64 now);
extern BcdTicket bcd_quota_sent(BcdQuota *q, int64 now);

#endif							/* BCD_SPEND_H */
