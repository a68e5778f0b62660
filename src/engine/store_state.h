/*
 * store_state.h
 *		What the replies of a store say of it, and what of that is shown.
 */
#ifndef BCD_STORE_STATE_H
#define BCD_STORE_STATE_H

#include "engine/engine.h"

extern const char *bcd_status_class(const BcdHttpRequest *r);
extern void bcd_engine_store_replied(BcdStore *store, const BcdHttpRequest *r, BcdTicket ticket);
extern void bcd_engine_show_store(BcdStore *store, int64 now, int64 blocked_until);

#endif							/* BCD_STORE_STATE_H */
