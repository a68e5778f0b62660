/*
 * stock_level.h
 *		bcdelta.stock_level: quantities of which the store is sent differences.
 */
#ifndef BCD_TABLE_STOCK_LEVEL_H
#define BCD_TABLE_STOCK_LEVEL_H

extern void bcd_stock_adjusted(const char *feed, Datum keys, Datum doubts);
extern void bcd_stock_settled(const char *feed, const char *key);
extern void bcd_stock_seen(const char *feed, const char *field, Datum keys, Datum levels);
extern void bcd_stock_levels_delete(const char *feed);

#endif							/* BCD_TABLE_STOCK_LEVEL_H */
