/*
 * feed_lock.h
 *		A lock on the links and the name of a feed.
 */
#ifndef BCD_FEED_LOCK_H
#define BCD_FEED_LOCK_H

extern void bcd_links_take(int32 feed_id);
extern void bcd_links_add(int32 feed_id);
extern void bcd_links_use(int32 feed_id);
extern void bcd_links_claim(int32 feed_id);

#endif							/* BCD_FEED_LOCK_H */
