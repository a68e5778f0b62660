/*
 * analyze.h
 *		ANALYZE of foreign tables.
 */
#ifndef BCD_FOREIGN_ANALYZE_H
#define BCD_FOREIGN_ANALYZE_H

#include "foreign/fdwapi.h"

extern bool bcd_analyze(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif							/* BCD_FOREIGN_ANALYZE_H */
