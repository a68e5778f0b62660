/*
 * feed_immediate.h
 *		bcdelta.feed: feeds whose changes are pushed when they are committed.
 */
#ifndef BCD_TABLE_FEED_IMMEDIATE_H
#define BCD_TABLE_FEED_IMMEDIATE_H

#include "nodes/pg_list.h"

/* Such a feed */
typedef struct BcdImmediateFeed
{
	int32		feed_id;
	char	   *feed;
	char	   *server;
	Oid			owner;
	bool		due;			/* it has rows to push, and no run that does */
} BcdImmediateFeed;

extern List *bcd_feeds_immediate(const char *home);

#endif							/* BCD_TABLE_FEED_IMMEDIATE_H */
