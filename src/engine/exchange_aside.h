/*
 * exchange_aside.h
 *		Natural keys that a record gives up for a moment.
 */
#ifndef BCD_EXCHANGE_ASIDE_H
#define BCD_EXCHANGE_ASIDE_H

#include "engine/engine.h"

extern void bcd_give_way(BcdItem *item, const char *const *fields, int n);
extern void bcd_gave_way(BcdItem *item);
extern void bcd_put_back(BcdItem *item);
extern bool bcd_restore_all(BcdRun *run);
extern void bcd_was_put_back(BcdItem *item);
extern bool bcd_let_go(BcdLane *lane, BcdLane *owner, const char *key, int64 store_id, const char *field);
extern void bcd_not_put_back(BcdItem *item, const char *reason);

#endif							/* BCD_EXCHANGE_ASIDE_H */
