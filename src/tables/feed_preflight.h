/*
 * feed_preflight.h
 *		bcdelta.feed: what keeps feeds from being pushed.
 */
#ifndef BCD_TABLE_FEED_PREFLIGHT_H
#define BCD_TABLE_FEED_PREFLIGHT_H

typedef void (*BcdFeedTold) (void *arg, const char *feed, bool active, const char *trouble, const char *capture);

extern void bcd_feeds_preflight(const char *server, BcdFeedTold tell, void *arg);

#endif							/* BCD_TABLE_FEED_PREFLIGHT_H */
