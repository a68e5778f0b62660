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
	int64		all;			/* decisions since */
} BcdDecisionShown;

extern uint64 bcd_decisions_shown(const BcdScope *scope);
extern void bcd_decisions_shown_row(uint64 i, BcdDecisionShown *decision);

#endif							/* BCD_TABLE_JOURNAL_REPORT_H */
