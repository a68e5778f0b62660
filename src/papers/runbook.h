/*
 * runbook.h
 *		The runbook of a cutover, and what people go by afterwards.
 */
#ifndef BCD_RUNBOOK_H
#define BCD_RUNBOOK_H

#include "lib/stringinfo.h"

#include "papers/paper.h"

extern void bcd_runbook(StringInfo out, BcdPaper *paper);
extern void bcd_runbook_steps(StringInfo out, BcdPaper *paper);
extern void bcd_runbook_contingency(StringInfo out, BcdPaper *paper);
extern void bcd_put_matrix(StringInfo out, const BcdPaper *paper);

#endif							/* BCD_RUNBOOK_H */
