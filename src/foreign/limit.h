/*
 * limit.h
 *		How many calls a statement may make.
 */
#ifndef BCD_FOREIGN_LIMIT_H
#define BCD_FOREIGN_LIMIT_H

#include "foreign/table.h"

extern bool bcd_calls_allow(const BcdTable *table, double more);
extern void bcd_calls_check(const BcdTable *table, const char *path, double more);
extern void bcd_calls_made(int n);

#endif							/* BCD_FOREIGN_LIMIT_H */
