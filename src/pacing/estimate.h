/*
 * estimate.h
 *		How long requests that are still to be made will take.
 */
#ifndef BCD_ESTIMATE_H
#define BCD_ESTIMATE_H

#include "pacing/quota.h"

extern int64 bcd_quota_estimate(const BcdQuota *q, int64 now, int64 calls, double seconds);

#endif							/* BCD_ESTIMATE_H */
