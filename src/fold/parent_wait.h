/*
 * parent_wait.h
 *		Captured values that wait for a lookup: bcdelta.lookup.
 */
#ifndef BCD_PARENT_WAIT_H
#define BCD_PARENT_WAIT_H

extern int64 bcd_awaited_mark(void);

#endif							/* BCD_PARENT_WAIT_H */
