/*
 * share.h
 *		When a request of a session may go, beside those of a run.
 */
#ifndef BCD_SHARE_H
#define BCD_SHARE_H

#include "engine/engine.h"

extern int64 bcd_share_delay(BcdStore *store, int waiting, int64 now);
extern BcdTicket bcd_share_take(BcdStore *store, int64 now);
extern void bcd_share_done(BcdStore *store);

#endif							/* BCD_SHARE_H */
