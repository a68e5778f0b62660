/*
 * outcomes.h
 *		What became of rows, by resource.
 */
#ifndef BCD_REPORT_OUTCOMES_H
#define BCD_REPORT_OUTCOMES_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_outcomes(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_OUTCOMES_H */
