/*
 * watch.h
 *		The tables that a feed watches: its source, and those it depends on.
 */
#ifndef BCD_WATCH_H
#define BCD_WATCH_H

#include "nodes/pg_list.h"

#include "feed/feed.h"

extern LOCKMODE bcd_watch_lock(const char *capture);
extern void bcd_watch_begin(const BcdFeed *feed);
extern void bcd_watch_source(const BcdFeed *feed);
extern void bcd_watch_child(const BcdFeed *feed, Oid child, Datum parent_key, char *lookup);
extern void bcd_watch_forget(const BcdFeed *feed, Oid child);
extern void bcd_watch_alter(const BcdFeed *feed);
extern void bcd_watch_resume(const BcdFeed *feed);
extern List *bcd_watch_troubles(const BcdFeed *feed);

#endif							/* BCD_WATCH_H */
