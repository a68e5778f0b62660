/*
 * natural_key.h
 *		Natural keys, by which records of the store are found.
 */
#ifndef BCD_NATURAL_KEY_H
#define BCD_NATURAL_KEY_H

#include "engine/engine.h"

extern Jsonb *bcd_identity(const BcdItem *item);
extern bool bcd_reason_is_unexpected(BcdLookupReason reason);
extern void bcd_decide_gone(BcdItem *item);
extern void bcd_decide_let_go(BcdItem *item);
extern void bcd_decide_lookup(BcdItem *item, BcdLookupReason reason);
extern void bcd_decide_find(BcdItem *item);
extern void bcd_decide_own_key(BcdItem *item);
extern bool bcd_look_up_next_key(BcdItem *item);
extern bool bcd_look_everywhere(BcdItem *item);
extern bool bcd_facet_has_key(const BcdItem *item, BcdStage stage);
extern bool bcd_record_is_apart(const BcdItem *item, const cJSON *record);
extern int64 bcd_scope_of(BcdLane *lane, BcdItem *item);
extern char *bcd_within_text(BcdItem *item);
extern Jsonb *bcd_within_of(const BcdResource *r, Jsonb *payload);
extern bool bcd_is_within(BcdItem *item, const cJSON *record);
extern int64 bcd_default_of(const BcdLane *lane, const BcdItem *item);
extern int64 bcd_defaulted_of(BcdLane *lane, BcdItem *item);

#endif							/* BCD_NATURAL_KEY_H */
