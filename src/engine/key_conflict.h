/*
 * key_conflict.h
 *		Rows that need something unique, such as a natural key, which another
 *		row's record has.
 */
#ifndef BCD_KEY_CONFLICT_H
#define BCD_KEY_CONFLICT_H

#include "engine/engine.h"

extern bool bcd_record_is_taken(BcdItem *item, int64 store_id);
extern void bcd_decide_key_holder(BcdItem *item, int64 store_id, const cJSON *record);
extern void bcd_decide_next_holder(BcdItem *item, int64 store_id);
extern void bcd_decide_refusal(BcdItem *item);
extern bool bcd_look_for_holder(BcdItem *item);

#endif							/* BCD_KEY_CONFLICT_H */
