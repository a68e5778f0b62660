/*
 * compare.h
 *		The text of a query that compares a feed with the store's table.
 */
#ifndef BCD_FOREIGN_COMPARE_H
#define BCD_FOREIGN_COMPARE_H

#include "feed/feed.h"

extern char *bcd_foreign_compare(const BcdFeed *feed, Oid serverid, Oid userid);

#endif							/* BCD_FOREIGN_COMPARE_H */
