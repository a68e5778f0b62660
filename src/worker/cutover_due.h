/*
 * cutover_due.h
 *		Carries out the steps of cutovers.
 */
#ifndef BCD_CUTOVER_DUE_H
#define BCD_CUTOVER_DUE_H

#include "datatype/timestamp.h"

extern TimestampTz bcd_cutovers_due(void);
extern bool bcd_cutover_awaits_runs(void);

#endif							/* BCD_CUTOVER_DUE_H */
