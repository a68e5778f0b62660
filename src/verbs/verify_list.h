/*
 * verify_list.h
 *		The list of the store, as a verify sees it.
 */
#ifndef BCD_VERIFY_LIST_H
#define BCD_VERIFY_LIST_H

#include "engine/engine.h"

extern bool bcd_verify_is(const BcdRun *run, const char *mode);
extern bool bcd_verify_is_full(const BcdLane *lane);
extern bool bcd_verify_can_count(const BcdResource *r);
extern void bcd_verify_stranger(BcdJob *job, const cJSON *record, int64 id);
extern void bcd_verify_without_id(BcdJob *job, const cJSON *record);
extern void bcd_verify_list_filter(BcdRun *run, BcdLane *lane);
extern const BcdEndpoint *bcd_verify_total_of(const BcdRun *run, const BcdResource *r);
extern BcdJob *bcd_verify_plan_list(BcdRun *run, BcdLane *lane);

#endif							/* BCD_VERIFY_LIST_H */
