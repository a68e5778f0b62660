/*
 * outcome.h
 *		The outcomes of rows, as named in bcdelta.result.
 */
#ifndef BCD_OUTCOME_H
#define BCD_OUTCOME_H

typedef enum BcdOutcome
{
	BCD_NO_OUTCOME,				/* nothing to report yet */
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
