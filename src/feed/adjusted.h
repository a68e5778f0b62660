/*
 * adjusted.h
 *		Adjustments of a feed's rows: which fields can have one, and their end.
 */
#ifndef BCD_ADJUSTED_H
#define BCD_ADJUSTED_H

#include <cjson/cJSON.h>

#include "feed/feed.h"
#include "tables/adjustment.h"

extern char *bcd_adjustable_flaw(const BcdFeed *feed, const char *name);
extern Jsonb *bcd_adjusted_value(const BcdField *field, const cJSON *got);
extern bool bcd_adjusts_record(const BcdAdjustment *adjustment);
extern bool bcd_adjustment_is_over(const BcdFeed *feed, const BcdAdjustment *adjustment, Jsonb *wanted);
extern const BcdAdjustment *bcd_row_hold(const BcdFeed *feed, List *adjustments, Jsonb *wanted, BcdAdjustment **over);
extern void bcd_adjusted_left_alone(const BcdFeed *feed, List *adjustments, Jsonb **wanted, Jsonb **known);
extern void bcd_adjustment_ended(int32 feed_id, const BcdEndedAdjustment *ended);
extern int	bcd_holds_release(const BcdFeed *feed, int64 run_id);
extern int	bcd_adjustments_expire(void);

#endif							/* BCD_ADJUSTED_H */
