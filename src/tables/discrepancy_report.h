/*
 * discrepancy_report.h
 *		Differences, as a report shows them.
 */
#ifndef BCD_TABLE_DISCREPANCY_REPORT_H
#define BCD_TABLE_DISCREPANCY_REPORT_H

#include "tables/report_scope.h"

/* Differences of the same kind, with one of them */
typedef struct BcdDifferences
{
	int64		n;
	char	   *feed;
	char	   *kind;
	char	   *field;			/* NULL: the record as a whole */
	char	   *key;			/* of one of them; NULL: it belongs to no row */
	char	   *natural_key;
	char	   *source_value;
	char	   *store_value;
	int64		kinds;			/* those not returned included */
} BcdDifferences;

extern uint64 bcd_differences(const BcdScope *scope);
extern void bcd_differences_row(uint64 i, BcdDifferences *differences);

#endif							/* BCD_TABLE_DISCREPANCY_REPORT_H */
