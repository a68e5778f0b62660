/*
 * feed_authority.h
 *		What the present stage of their store means for feeds.
 */
#ifndef BCD_TABLE_FEED_AUTHORITY_H
#define BCD_TABLE_FEED_AUTHORITY_H

#include "nodes/pg_list.h"

/* A rule of bcdelta.authority_now that applies to a feed */
typedef struct BcdFeedRule
{
	int32		feed_id;
	char	   *feed;
	char	   *field;			/* empty: the record as a whole */
	char	   *owner;
} BcdFeedRule;

extern List *bcd_feed_rules(const char *server);

#endif							/* BCD_TABLE_FEED_AUTHORITY_H */
