/*
 * explain.h
 *		What EXPLAIN shows of scans of foreign tables.
 */
#ifndef BCD_FOREIGN_EXPLAIN_H
#define BCD_FOREIGN_EXPLAIN_H

#include "base/compat.h"

extern void bcd_scan_explain(ForeignScanState *node, ExplainState *es);

#endif							/* BCD_FOREIGN_EXPLAIN_H */
