/*
 * conflict_report.h
 *		Conflicts, as a report shows them.
 */
#ifndef BCD_TABLE_CONFLICT_REPORT_H
#define BCD_TABLE_CONFLICT_REPORT_H

#include "tables/report_scope.h"

/* A conflict that a person has to decide */
typedef struct BcdConflictShown
{
	int64		conflict_id;
	char	   *feed;
	char	   *key;
	char	   *field;			/* NULL: the record as a whole */
	char	   *source_value;
	char	   *store_value;
	TimestampTz found_at;
	int64		all;			/* open conflicts */
} BcdConflictShown;

extern int64 bcd_conflicts_count(const BcdScope *scope);
extern uint64 bcd_conflicts_shown(const BcdScope *scope);
extern void bcd_conflicts_shown_row(uint64 i, BcdConflictShown *conflict);

#endif							/* BCD_TABLE_CONFLICT_REPORT_H */
