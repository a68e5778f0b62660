/*
 * report_view.h
 *		What a reader of reports and papers may see.
 */
#ifndef BCD_REPORT_VIEW_H
#define BCD_REPORT_VIEW_H

#include "tables/report_scope.h"

extern bool bcd_reads_all(void);
extern void bcd_set_view(BcdScope *scope);
extern void bcd_limit_view(BcdScope *scope);

#endif							/* BCD_REPORT_VIEW_H */
