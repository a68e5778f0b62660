/*
 * awaited.h
 *		Captured values that wait for a lookup: bcdelta.lookup.
 */
#ifndef BCD_AWAITED_H
#define BCD_AWAITED_H

extern int64 bcd_awaited_mark(void);

#endif							/* BCD_AWAITED_H */
