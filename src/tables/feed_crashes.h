/*
 * feed_crashes.h
 *		How often the worker was brought down by the code of a feed.
 */
#ifndef BCD_TABLE_FEED_CRASHES_H
#define BCD_TABLE_FEED_CRASHES_H

extern void bcd_feeds_went_well(Datum feed_ids);
extern bool bcd_feed_is_locked(int32 feed_id);
extern int64 bcd_feed_crashed(int32 feed_id, const char *feed);

#endif							/* BCD_TABLE_FEED_CRASHES_H */
