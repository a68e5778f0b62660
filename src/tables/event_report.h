/*
 * event_report.h
 *		Problems, as a report shows them.
 */
#ifndef BCD_TABLE_EVENT_REPORT_H
#define BCD_TABLE_EVENT_REPORT_H

#include "tables/report_scope.h"

/* A problem, from its beginning to its end */
typedef struct BcdEventShown
{
	TimestampTz at;
	TimestampTz over_at;		/* -infinity: it is not over */
	char	   *severity;
	char	   *message;
	int64		all;			/* problems in this time */
} BcdEventShown;

extern uint64 bcd_events_shown(const BcdScope *scope);
extern void bcd_events_shown_row(uint64 i, BcdEventShown *event);

#endif							/* BCD_TABLE_EVENT_REPORT_H */
