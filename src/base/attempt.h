/*
 * attempt.h
 *		Runs code that may fail in a subtransaction, and returns its error.
 */
#ifndef BCD_ATTEMPT_H
#define BCD_ATTEMPT_H

extern ErrorData *bcd_attempt(void (*work) (void *arg), void *arg);
extern ErrorData *bcd_attempt_undone(void (*work) (void *arg), void *arg);

#endif							/* BCD_ATTEMPT_H */
