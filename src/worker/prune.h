/*
 * prune.h
 *		Removes what is kept for a limited time.
 */
#ifndef BCD_PRUNE_H
#define BCD_PRUNE_H

extern void bcd_prune(int64 now);
extern void bcd_prune_soon(void);

#endif							/* BCD_PRUNE_H */
