/*
 * adjustment_report.h
 *		Adjustments, as a report shows them.
 */
#ifndef BCD_TABLE_ADJUSTMENT_REPORT_H
#define BCD_TABLE_ADJUSTMENT_REPORT_H

#include "tables/report_scope.h"

/* A value of the store that is meant */
typedef struct BcdAdjustmentShown
{
	char	   *feed;
	char	   *key;
	char	   *field;			/* empty: the record as a whole */
	char	   *value;			/* NULL: not read yet */
	char	   *until;
	TimestampTz ends_at;
	char	   *reason;
	char	   *by;
	TimestampTz made_at;
	bool		broken;			/* the store has another value */
	int64		all;			/* adjustments that apply */
} BcdAdjustmentShown;

extern uint64 bcd_adjustments_shown(const BcdScope *scope);
extern void bcd_adjustments_shown_row(uint64 i, BcdAdjustmentShown *adjustment);

#endif							/* BCD_TABLE_ADJUSTMENT_REPORT_H */
