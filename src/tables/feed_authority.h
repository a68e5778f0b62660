/*
 * feed_authority.h
 *		What the present stage of their store means for feeds.
 */
#ifndef BCD_TABLE_FEED_AUTHORITY_H
#define BCD_TABLE_FEED_AUTHORITY_H

#include "nodes/pg_list.h"

/* What a store owns of the records of a feed */
typedef struct BcdWithheld
{
	int32		feed_id;
	char	   *feed;
	char	   *field;			/* empty: all of it */
} BcdWithheld;

extern List *bcd_withheld(const char *server);
extern void bcd_feeds_are_new_versions(const char *server);

#endif							/* BCD_TABLE_FEED_AUTHORITY_H */
