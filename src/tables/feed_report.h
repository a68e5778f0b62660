/*
 * feed_report.h
 *		Feeds and their problems, as a report shows them.
 */
#ifndef BCD_TABLE_FEED_REPORT_H
#define BCD_TABLE_FEED_REPORT_H

#include "tables/report_scope.h"

/* All feeds together */
typedef struct BcdFeedsNow
{
	int64		feeds;
	int64		paused;
	int64		linked;			/* rows in the store */
	int64		pending;		/* to be pushed, those captured only included */
	int64		failed;
	int64		review;
	TimestampTz oldest;			/* change that is not in the store; -infinity:
								 * none */
	char	   *worker;			/* "running", or why there is none; NULL: no
								 * feed */
} BcdFeedsNow;

extern List *bcd_feeds_of_server(const char *server, List **owners);
extern bool bcd_report_readable(Oid role);
extern void bcd_feeds_now(const BcdScope *scope, BcdFeedsNow *now);
extern uint64 bcd_feeds_troubles(const BcdScope *scope);
extern char *bcd_feeds_trouble(uint64 i, bool *critical);

#endif							/* BCD_TABLE_FEED_REPORT_H */
