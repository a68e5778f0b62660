/*
 * totals.h
 *		How many records the lists of stores had when they were last read.
 */
#ifndef BCD_FOREIGN_TOTALS_H
#define BCD_FOREIGN_TOTALS_H

#include "resource/resource.h"

extern void bcd_total_note(Oid serverid, const BcdResource *resource, int64 total);
extern int64 bcd_total_known(Oid serverid, const BcdResource *resource);

#endif							/* BCD_FOREIGN_TOTALS_H */
