/*
 * feed_state.h
 *		The worker's part in the state of feeds.
 */
#ifndef BCD_FEED_STATE_H
#define BCD_FEED_STATE_H

extern void bcd_feeds_halt(void);
extern void bcd_feed_settle_in(const char *feed, const char *store);
extern bool bcd_feed_is(int32 feed_id, const char *store);
extern bool bcd_servers_changed(void);

#endif							/* BCD_FEED_STATE_H */
