/*
 * trouble.h
 *		What keeps rows of a feed from the store that no push will mend.
 */
#ifndef BCD_TROUBLE_H
#define BCD_TROUBLE_H

#include "feed/feed.h"

extern char *bcd_trouble_deferred(const BcdFeed *feed);
extern char *bcd_trouble_mapping(const BcdFeed *feed);

#endif							/* BCD_TROUBLE_H */
