/*
 * people.h
 *		What people have decided, or have to decide.
 */
#ifndef BCD_REPORT_PEOPLE_H
#define BCD_REPORT_PEOPLE_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_problems(StringInfo out, const BcdScope *scope);
extern void bcd_put_conflicts(StringInfo out, const BcdScope *scope);
extern void bcd_put_adjustments(StringInfo out, const BcdScope *scope);
extern void bcd_put_decisions(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_PEOPLE_H */
