/*
 * sent_fields.h
 *		What an update whose outcome is unknown may have written.
 */
#ifndef BCD_ENGINE_SENT_FIELDS_H
#define BCD_ENGINE_SENT_FIELDS_H

#include "engine/engine.h"

extern Jsonb *bcd_noted_fields(const BcdResource *resource, Jsonb *fields);
extern bool bcd_fate_is_unknown(const BcdItem *item);
extern Jsonb *bcd_unsent_fields(void);
extern Jsonb *bcd_sent_fields(const BcdItem *item);
extern void bcd_push_sent_fields(JsonbParseState **state, const BcdItem *item);
extern bool bcd_changes_sent_fields(const BcdItem *item, BcdStage stage);
extern bool bcd_update_has_arrived(const BcdItem *item);
extern bool bcd_may_be_ours(const BcdItem *item, const BcdField *field, const cJSON *got);

#endif							/* BCD_ENGINE_SENT_FIELDS_H */
