/*
 * unasked_edits.h
 *		Fields that somebody else changed in the store, and the row did not.
 */
#ifndef BCD_ENGINE_UNASKED_EDITS_H
#define BCD_ENGINE_UNASKED_EDITS_H

#include "engine/engine.h"

extern bool bcd_fate_is_unknown(const BcdItem *item);
extern Jsonb *bcd_sent_fields(const BcdItem *item);
extern bool bcd_changes_sent_fields(const BcdItem *item, BcdStage stage);
extern Jsonb *bcd_without_edits(const BcdItem *item, Jsonb *read, const cJSON *record);

#endif							/* BCD_ENGINE_UNASKED_EDITS_H */
