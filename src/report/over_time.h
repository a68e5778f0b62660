/*
 * over_time.h
 *		The charts of a report.
 */
#ifndef BCD_REPORT_OVER_TIME_H
#define BCD_REPORT_OVER_TIME_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_over_time(StringInfo out, const BcdScope *scope, int64 pending);
extern void bcd_put_run_over_time(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_OVER_TIME_H */
