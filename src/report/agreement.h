/*
 * agreement.h
 *		Whether source and store agree.
 */
#ifndef BCD_REPORT_AGREEMENT_H
#define BCD_REPORT_AGREEMENT_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_proof(StringInfo out, const BcdScope *scope);
extern void bcd_put_differences(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_AGREEMENT_H */
