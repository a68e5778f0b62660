/*
 * adjusted_due.h
 *		Adjustments: reads the values of new ones, and ends those whose time
 *		has come.
 */
#ifndef BCD_ADJUSTED_DUE_H
#define BCD_ADJUSTED_DUE_H

extern void bcd_adjusted_due(void);

#endif							/* BCD_ADJUSTED_DUE_H */
