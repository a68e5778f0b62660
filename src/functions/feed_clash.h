/*
 * feed_clash.h
 *		Feeds that would undo each other's writes.
 */
#ifndef BCD_FEED_CLASH_H
#define BCD_FEED_CLASH_H

#include "utils/jsonb.h"

#include "feed/feed.h"

extern void bcd_check_clash(const BcdFeed *feed, Jsonb *fields);

#endif							/* BCD_FEED_CLASH_H */
