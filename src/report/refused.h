/*
 * refused.h
 *		Rows that were refused, and what to do about them.
 */
#ifndef BCD_REPORT_REFUSED_H
#define BCD_REPORT_REFUSED_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_refused(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_REFUSED_H */
