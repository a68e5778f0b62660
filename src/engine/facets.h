/*
 * facets.h
 *		Rows that are written through several endpoints.
 */
#ifndef BCD_ENGINE_FACETS_H
#define BCD_ENGINE_FACETS_H

#include "engine/engine.h"

extern bool bcd_decide_tasks(BcdItem *item, List *tasks);
extern void bcd_decide_part(BcdItem *item, BcdStage stage, BcdOutcome outcome, Jsonb *known);
extern void bcd_decide_refused_at(BcdItem *item, BcdStage stage, int status, char *error);
extern void bcd_note_part(BcdItem *item, BcdStage stage);
extern bool bcd_item_is_merged(const BcdItem *item, BcdStage stage);
extern void bcd_merge_facet(BcdJob *job, char *error);
extern void bcd_read_merged(BcdJob *job, const cJSON *reply);
extern Jsonb *bcd_item_intent(const BcdItem *item);
extern bool bcd_item_changes_intent(const BcdItem *item, BcdStage stage);

#endif							/* BCD_ENGINE_FACETS_H */
