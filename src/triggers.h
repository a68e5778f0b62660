/*
 * triggers.h
 *		The capture triggers of a feed.
 */
#ifndef BCD_TRIGGERS_H
#define BCD_TRIGGERS_H

#include "feed.h"

extern void bcd_triggers_create(const BcdFeed *feed, const char *capture, List *columns);
extern void bcd_triggers_drop(const BcdFeed *feed);
extern char *bcd_triggers_trouble(const BcdFeed *feed);

#endif							/* BCD_TRIGGERS_H */
