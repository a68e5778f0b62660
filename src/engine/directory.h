/*
 * directory.h
 *		Reads the store's lists that rows need to find ids by names.
 */
#ifndef BCD_DIRECTORY_H
#define BCD_DIRECTORY_H

#include "engine/engine.h"

/* Must a list be read before rows of a lane can be claimed? */
static inline bool
bcd_directory_asks(const BcdLane *lane)
{
	return !lane->stopped && lane->lists.wanted != 0;
}

extern BcdJob *bcd_plan_directory(BcdLane *lane);

#endif							/* BCD_DIRECTORY_H */
