/*
 * collections.h
 *		Collections of records below a record.
 */
#ifndef BCD_ENGINE_COLLECTIONS_H
#define BCD_ENGINE_COLLECTIONS_H

#include "engine/engine.h"

extern bool bcd_stage_is_collection(const BcdResource *resource, BcdStage stage);
extern Jsonb *bcd_with_collections(const BcdResource *resource, Jsonb *payload, Jsonb *from);
extern Jsonb *bcd_collections_read(const BcdItem *item, Jsonb *known, const cJSON *record);
extern Jsonb *bcd_known_created(const BcdItem *item, const cJSON *record);
extern Jsonb *bcd_known_with_elements(const BcdItem *item, Jsonb *known, const cJSON *element);
extern const cJSON *bcd_element_in_reply(const BcdItem *item, const cJSON *data);
extern BcdOutcome bcd_element_outcome(const BcdItem *item);
extern char *bcd_elements_words(const BcdItem *item);
extern int	bcd_tasks_together(const BcdItem *item, BcdStage stage);
extern bool bcd_split_elements(BcdJob *job);
extern int	bcd_job_records(const BcdJob *job);
extern const cJSON *bcd_record_with_elements(const BcdItem *item, const cJSON *data);
extern const cJSON *bcd_elements_with_record(const BcdItem *item, const cJSON *data);
extern Jsonb *bcd_nested_of(const BcdItem *item, Jsonb *body);
extern bool bcd_body_is_nested(const BcdItem *item, Jsonb *body);
extern bool bcd_element_may_be_there(const BcdJob *job);
extern List *bcd_tasks_after_refusal(const BcdItem *item, bool *due);
extern bool bcd_reads_created(const BcdLane *lane);
extern bool bcd_item_must_read(const BcdItem *item);

#endif							/* BCD_ENGINE_COLLECTIONS_H */
