/*
 * trouble.h
 *		Finds rows of a feed that no push can send.
 */
#ifndef BCD_TROUBLE_H
#define BCD_TROUBLE_H

#include "feed/feed.h"

extern char *bcd_trouble_deferred(const BcdFeed *feed);
extern char *bcd_trouble_mapping(const BcdFeed *feed);

#endif							/* BCD_TROUBLE_H */
