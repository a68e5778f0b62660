/*
 * counts.h
 *		Keeps the tables short in which things are counted.
 */
#ifndef BCD_COUNTS_H
#define BCD_COUNTS_H

extern void bcd_counts_look(void);
extern void bcd_counts_forget(void);

#endif							/* BCD_COUNTS_H */
