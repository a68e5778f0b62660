/*
 * sop.h
 *		How a store is synced from now on.
 */
#ifndef BCD_SOP_H
#define BCD_SOP_H

#include "lib/stringinfo.h"

#include "papers/paper.h"

extern void bcd_sop(StringInfo out, BcdPaper *paper);

#endif							/* BCD_SOP_H */
