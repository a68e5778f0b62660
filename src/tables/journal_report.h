/*
 * journal_report.h
 *		Decisions, as a report shows them.
 */
#ifndef BCD_TABLE_JOURNAL_REPORT_H
#define BCD_TABLE_JOURNAL_REPORT_H

#include "tables/report_scope.h"

/* What somebody, or the worker, has decided */
typedef struct BcdDecisionShown
{
	TimestampTz at;
	char	   *what;
	char	   *feed;			/* NULL: none in particular */
	char	   *key;			/* likewise */
	char	   *by;				/* NULL: the worker */
	char	   *reason;
	char	   *detail;			/* of a decision about a store: JSON */
	int64		all;			/* decisions since */
} BcdDecisionShown;

/* The last ones about a store, at most */
#define BCD_DECISIONS_MOST	100

extern uint64 bcd_decisions_shown(const BcdScope *scope);
extern void bcd_decisions_shown_row(uint64 i, BcdDecisionShown *decision);
extern List *bcd_decisions_of_plan(const char *server, TimestampTz since);

#endif							/* BCD_TABLE_JOURNAL_REPORT_H */
