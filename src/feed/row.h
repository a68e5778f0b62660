/*
 * row.h
 *		What reading rows, alone and together, and looking for them have in
 *		common.
 */
#ifndef BCD_ROW_H
#define BCD_ROW_H

#include "executor/spi.h"

#include "feed/feed.h"

extern SPIPlanPtr bcd_row_plan(const BcdFeed *feed, const char *sql);
extern SPIPlanPtr bcd_row_plan_for(BcdFeed *feed, BcdPlan plan);
extern bool bcd_plan_shares(SPIPlanPtr plan);
extern bool bcd_rows_together(const BcdFeed *feed);
extern void bcd_row_set_payload(BcdFeed *feed, BcdRow *row);
extern void bcd_row_try_filter(BcdFeed *feed, const char *key, BcdRow *row);
extern bool bcd_row_is_expected(const BcdFeed *feed, const char *key, bool filter_only);
extern bool bcd_row_error_passes(int sqlerrcode);
extern char *bcd_row_locked_words(const BcdFeed *feed);

#endif							/* BCD_ROW_H */
