/*
 * verify_adjusted.h
 *		Adjusted fields in a verify.
 */
#ifndef BCD_VERIFY_ADJUSTED_H
#define BCD_VERIFY_ADJUSTED_H

#include "engine/engine.h"
#include "tables/adjustment.h"

extern List *bcd_verify_adjusted(BcdItem *item, const cJSON *record);
extern Jsonb *bcd_verify_unadjusted(Jsonb *payload, List *adjusted);
extern List *bcd_verify_watch(BcdItem *item, const cJSON *record, List *adjusted);
extern void bcd_verify_wants_value(BcdItem *item);
extern void bcd_verify_value_read(BcdItem *item, const cJSON *record);
extern void bcd_verify_broken(const BcdItem *item, const BcdAdjustment *adjustment);

#endif							/* BCD_VERIFY_ADJUSTED_H */
