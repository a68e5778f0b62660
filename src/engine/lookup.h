/*
 * lookup.h
 *		Finds records of the store by their natural key.
 */
#ifndef BCD_LOOKUP_H
#define BCD_LOOKUP_H

#include "engine/engine.h"

extern bool bcd_reply_is_cut(BcdJob *job, const cJSON *reply);
extern const cJSON *bcd_record_named(BcdLane *lane, BcdItem *item, const cJSON *records);
extern bool bcd_is_sought_everywhere(const BcdItem *item);
extern BcdJob *bcd_single_lookup(BcdLane *lane);
extern BcdJob *bcd_plan_lookup(BcdLane *lane);
extern bool bcd_lacks_default(const BcdLane *lane);
extern BcdJob *bcd_plan_default(BcdLane *lane);

#endif							/* BCD_LOOKUP_H */
