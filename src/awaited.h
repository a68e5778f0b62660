/*
 * awaited.h
 *		Captured values that wait for a lookup: bcdelta.lookup.
 */
#ifndef BCD_AWAITED_H
#define BCD_AWAITED_H

extern void bcd_awaited_put(Datum feed_ids, Datum keys, Datum changed_ats);
extern int64 bcd_awaited_mark(void);

#endif							/* BCD_AWAITED_H */
