/*
 * lookup_list.h
 *		The store's list of a resource, read once and kept as an index.
 */
#ifndef BCD_LOOKUP_LIST_H
#define BCD_LOOKUP_LIST_H

#include "engine/engine.h"

extern void bcd_index_create(BcdLane *lane);
extern void bcd_index_free(BcdLane *lane);
extern bool bcd_key_has_case(const BcdResource *r);
extern bool bcd_outdates_index(const BcdItem *item);
extern int64 bcd_index_records(const BcdLane *lane);
extern bool bcd_index_is_outdated(BcdLane *lane);
extern BcdJob *bcd_plan_index(BcdLane *lane);

#endif							/* BCD_LOOKUP_LIST_H */
