/*
 * due.h
 *		What the worker does at certain times.
 */
#ifndef BCD_DUE_H
#define BCD_DUE_H

extern void bcd_due_look(void);
extern int64 bcd_due_wait(void);

#endif							/* BCD_DUE_H */
