/*
 * rollback_field_report.h
 *		What a rollback did, as a report shows it.
 */
#ifndef BCD_TABLE_ROLLBACK_FIELD_REPORT_H
#define BCD_TABLE_ROLLBACK_FIELD_REPORT_H

#include "tables/report_scope.h"

/* Fields with the same verdict and reason, with one of them */
typedef struct BcdUndoneShown
{
	int64		n;
	char	   *verdict;
	char	   *reason;			/* or NULL */
	char	   *feed;
	char	   *key;			/* of one of them */
	char	   *field;			/* NULL: the record as a whole */
	int64		kinds;
} BcdUndoneShown;

extern uint64 bcd_undone_shown(const BcdScope *scope);
extern void bcd_undone_shown_row(uint64 i, BcdUndoneShown *undone);

#endif							/* BCD_TABLE_ROLLBACK_FIELD_REPORT_H */
