/*
 * item_stale.h
 *		Rows on their way that refer to a record which goes meanwhile.
 */
#ifndef BCD_ITEM_STALE_H
#define BCD_ITEM_STALE_H

#include "engine/engine.h"

extern void bcd_expire_referrers(BcdJob *job);
extern void bcd_retry_after_referred(BcdJob *job);

#endif							/* BCD_ITEM_STALE_H */
