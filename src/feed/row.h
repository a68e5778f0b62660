/*
 * row.h
 *		What reading a row and looking for it have in common.
 */
#ifndef BCD_ROW_H
#define BCD_ROW_H

#include "executor/spi.h"

#include "feed/feed.h"

extern SPIPlanPtr bcd_row_plan(const BcdFeed *feed, const char *sql);
extern void bcd_row_try_filter(BcdFeed *feed, const char *key, BcdRow *row);
extern bool bcd_row_error_passes(int sqlerrcode);
extern char *bcd_row_locked_words(const BcdFeed *feed);

#endif							/* BCD_ROW_H */
