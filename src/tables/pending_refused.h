/*
 * pending_refused.h
 *		Rows that are given up, put together by what was said of them.
 */
#ifndef BCD_TABLE_PENDING_REFUSED_H
#define BCD_TABLE_PENDING_REFUSED_H

#include "tables/report_scope.h"

extern uint64 bcd_refused_now(const BcdScope *scope);

#endif							/* BCD_TABLE_PENDING_REFUSED_H */
