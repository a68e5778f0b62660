/*
 * blamed_feed.h
 *		Feeds whose code took the last worker down.
 */
#ifndef BCD_BLAMED_FEED_H
#define BCD_BLAMED_FEED_H

extern bool bcd_blame_feed(void);

#endif							/* BCD_BLAMED_FEED_H */
