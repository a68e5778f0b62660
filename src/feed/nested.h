/*
 * nested.h
 *		Collections whose elements are written by updates of their records.
 */
#ifndef BCD_FEED_NESTED_H
#define BCD_FEED_NESTED_H

#include "feed/feed.h"

extern void bcd_feed_nested(BcdFeed *feed);

#endif							/* BCD_FEED_NESTED_H */
