/*
 * quota_seen.h
 *		The quota of a store, as the worker has last seen it.
 */
#ifndef BCD_QUOTA_SEEN_H
#define BCD_QUOTA_SEEN_H

#include "pacing/quota.h"
#include "store/store.h"

/* Of a store whose quota is not known yet: that of most plans */
#define BCD_USUAL_QUOTA		150
#define BCD_USUAL_WINDOW_MS	30000

extern bool bcd_quota_seen(const BcdStoreOptions *o, BcdQuota *q);

#endif							/* BCD_QUOTA_SEEN_H */
