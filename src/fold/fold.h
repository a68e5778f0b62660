/*
 * fold.h
 *		From bcdelta.change to bcdelta.pending.
 */
#ifndef BCD_FOLD_H
#define BCD_FOLD_H

extern int64 bcd_fold(long max_rows);
extern bool bcd_fold_now(void);
extern bool bcd_fold_is_moving(int32 feed_id, const char *key);

#endif							/* BCD_FOLD_H */
