/*
 * outcome.h
 *		Outcomes of rows, as bcdelta.result names them.
 */
#ifndef BCD_OUTCOME_H
#define BCD_OUTCOME_H

typedef enum BcdOutcome
{
	BCD_NO_OUTCOME,				/* nothing to tell yet */
	BCD_CREATED,
	BCD_UPDATED,
	BCD_DELETED,
	BCD_HIDDEN,
	BCD_LINKED,
	BCD_UNCHANGED,
	BCD_FAILED,
	BCD_RETRY,
	BCD_DEFERRED,
	BCD_INVALID
} BcdOutcome;

extern const char *bcd_outcome_name(BcdOutcome outcome);

#endif							/* BCD_OUTCOME_H */
