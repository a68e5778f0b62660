/*
 * mark.h
 *		Marking rows by hand.
 */
#ifndef BCD_MARK_H
#define BCD_MARK_H

#include "feed/feed.h"

extern void bcd_mark_everything(const BcdFeed *feed);
extern int64 bcd_mark_keys(BcdFeed *feed, const List *keys);

#endif							/* BCD_MARK_H */
