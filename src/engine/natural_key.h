/*
 * natural_key.h
 *		Natural keys: what a record of the store is found by.
 */
#ifndef BCD_NATURAL_KEY_H
#define BCD_NATURAL_KEY_H

#include "engine/engine.h"

extern Jsonb *bcd_identity(const BcdItem *item);
extern void bcd_natural_key(BcdItem *item);
extern bool bcd_further_key(BcdItem *item);
extern int64 bcd_scope_of(BcdLane *lane, BcdItem *item);
extern int64 bcd_default_of(const BcdLane *lane, const BcdItem *item);
extern int64 bcd_defaulted_of(BcdLane *lane, BcdItem *item);

#endif							/* BCD_NATURAL_KEY_H */
