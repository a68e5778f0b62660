/*
 * runs.h
 *		The last runs, and what can be undone of them.
 */
#ifndef BCD_REPORT_RUNS_H
#define BCD_REPORT_RUNS_H

#include "lib/stringinfo.h"

#include "tables/report_scope.h"

extern void bcd_put_runs(StringInfo out, const BcdScope *scope, int64 all);
extern void bcd_put_undo(StringInfo out, const BcdScope *scope);
extern void bcd_put_undone(StringInfo out, const BcdScope *scope);

#endif							/* BCD_REPORT_RUNS_H */
