/*
 * immediate.h
 *		Pushes changes of some feeds as soon as they are committed.
 */
#ifndef BCD_IMMEDIATE_H
#define BCD_IMMEDIATE_H

#include "base/shmem.h"

extern int64 bcd_immediate_delay(BcdWorkerSlot *slot, int64 now);
extern bool bcd_immediate_any(const BcdWorkerSlot *slot);
extern void bcd_immediate_begin(BcdWorkerSlot *slot);
extern void bcd_immediate_look(BcdWorkerSlot *slot);

#endif							/* BCD_IMMEDIATE_H */
