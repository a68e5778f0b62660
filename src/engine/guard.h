/*
 * guard.h
 *		Which records are read before they are written.
 */
#ifndef BCD_GUARD_H
#define BCD_GUARD_H

#include "engine/engine.h"

extern bool bcd_guard_waits(BcdItem *item, List *tasks);
extern bool bcd_item_is_guarded(const BcdItem *item, List *tasks);

#endif							/* BCD_GUARD_H */
