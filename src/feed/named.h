/*
 * named.h
 *		bcdelta.named(): the store's ids of what it knows by name.
 */
#ifndef BCD_NAMED_H
#define BCD_NAMED_H

#include "feed/feed.h"

/* The error of a row that needs a list which the run has not read yet */
#define BCD_ERRCODE_UNLISTED	MAKE_SQLSTATE('B', 'C', 'D', '0', '2')

extern void bcd_named_begin(const BcdFeed *feed, MemoryContext cxt);
extern void bcd_named_forget(void);
extern char *bcd_named_waits(const char *server, const BcdNameList *list);
extern bool bcd_named_blames(BcdRow *row);
extern void bcd_named_end(void);
extern void bcd_named_check(const char *resource);
extern void bcd_named_check_row(const BcdFeed *feed, const BcdRow *row);

#endif							/* BCD_NAMED_H */
