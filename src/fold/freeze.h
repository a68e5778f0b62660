/*
 * freeze.h
 *		Counts changes of sources that nobody should change any more.
 */
#ifndef BCD_FREEZE_H
#define BCD_FREEZE_H

#include "fold/drain.h"

extern void bcd_freeze_count(const BcdDrain *drain);

#endif							/* BCD_FREEZE_H */
