/*
 * verdict.h
 *		How it is, in one sentence.
 */
#ifndef BCD_REPORT_VERDICT_H
#define BCD_REPORT_VERDICT_H

#include "lib/stringinfo.h"

#include "tables/feed_report.h"
#include "tables/report_scope.h"
#include "tables/run_report.h"

extern void bcd_verdict_server(StringInfo out, const BcdScope *scope, const BcdFeedsNow *now);
extern void bcd_verdict_run(StringInfo out, const BcdScope *scope, const BcdRunShown *run);

#endif							/* BCD_REPORT_VERDICT_H */
