/*
 * page.h
 *		A report: one page of HTML, in one line.
 */
#ifndef BCD_REPORT_PAGE_H
#define BCD_REPORT_PAGE_H

#include "lib/stringinfo.h"

#include "papers/paper.h"
#include "tables/report_scope.h"
#include "tables/run_report.h"

extern void bcd_page_of_server(StringInfo out, const BcdScope *scope, BcdPaper *paper);
extern void bcd_page_of_run(StringInfo out, const BcdScope *scope, const BcdRunShown *run);

#endif							/* BCD_REPORT_PAGE_H */
