/*
 * cleared.h
 *		Fields that are emptied in the store when the mapping returns null.
 */
#ifndef BCD_CLEARED_H
#define BCD_CLEARED_H

#include "feed/feed.h"

extern Jsonb *bcd_with_cleared(const BcdFeed *feed, Jsonb *wanted, Jsonb *known);

#endif							/* BCD_CLEARED_H */
