/*
 * feed_papers.h
 *		Feeds, as papers show them.
 */
#ifndef BCD_TABLE_FEED_PAPERS_H
#define BCD_TABLE_FEED_PAPERS_H

#include "tables/report_scope.h"

typedef struct BcdFeedShown
{
	char	   *feed;
	char	   *source;
	char	   *resource;
	char	   *on_delete;
	char	   *on_conflict;
	char	   *policies;		/* JSON; NULL: none */
	bool		at_once;		/* pushed when changes are committed */
	char	   *state;
	char	   *paused_reason;	/* NULL: it is not */
} BcdFeedShown;

extern List *bcd_feeds_shown(const BcdScope *scope);

#endif							/* BCD_TABLE_FEED_PAPERS_H */
