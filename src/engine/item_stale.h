/*
 * item_stale.h
 *		Reads rows again that refer to a record which is removed while they are
 *		on their way.
 */
#ifndef BCD_ITEM_STALE_H
#define BCD_ITEM_STALE_H

#include "engine/engine.h"

extern void bcd_expire_referrers(BcdJob *job);
extern void bcd_retry_after_referred(BcdJob *job);

#endif							/* BCD_ITEM_STALE_H */
