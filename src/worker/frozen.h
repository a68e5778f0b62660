/*
 * frozen.h
 *		Feeds whose source is not to be changed any more.
 */
#ifndef BCD_FROZEN_H
#define BCD_FROZEN_H

#include "base/shmem.h"

extern void bcd_frozen_look(BcdWorkerSlot *slot);

#endif							/* BCD_FROZEN_H */
