/*
 * companions.h
 *		Rows whose records are created with that of another row.
 */
#ifndef BCD_COMPANIONS_H
#define BCD_COMPANIONS_H

#include "engine/engine.h"

extern bool bcd_companions_wanted(const BcdLane *lane);
extern void bcd_companions_gather(BcdLane *lane);
extern void bcd_companions_anew(BcdLane *lane);
extern void bcd_companions_join(BcdItem *item);
extern void bcd_companion_resolve(BcdItem *item);
extern bool bcd_is_companion(const BcdItem *item);

#endif							/* BCD_COMPANIONS_H */
