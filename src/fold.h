/*
 * fold.h
 *		From bcdelta.change to bcdelta.pending.
 */
#ifndef BCD_FOLD_H
#define BCD_FOLD_H

extern int64 bcd_fold(long max_rows);

#endif							/* BCD_FOLD_H */
