/*
 * feed_needs.h
 *		What a feed needs of its store.
 */
#ifndef BCD_FEED_NEEDS_H
#define BCD_FEED_NEEDS_H

#include "feed/feed.h"

extern uint32 bcd_feed_scopes(const BcdFeed *feed);
extern uint32 bcd_feed_lists(const BcdFeed *feed);

#endif							/* BCD_FEED_NEEDS_H */
