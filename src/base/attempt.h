/*
 * attempt.h
 *		Doing something that may fail, and going on.
 */
#ifndef BCD_ATTEMPT_H
#define BCD_ATTEMPT_H

extern ErrorData *bcd_attempt(void (*work) (void *arg), void *arg);
extern ErrorData *bcd_attempt_undone(void (*work) (void *arg), void *arg);

#endif							/* BCD_ATTEMPT_H */
