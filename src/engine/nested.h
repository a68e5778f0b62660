/*
 * nested.h
 *		Elements that are written by updates of their records, if the store keeps
 *		those that an update does not have.
 */
#ifndef BCD_NESTED_H
#define BCD_NESTED_H

#include <cjson/cJSON.h>

#include "engine/engine.h"

/* Items that may get no clear answer in a run */
#define BCD_MOST_UNCLEAR	2

extern BcdJob *bcd_plan_nested(BcdLane *lane, BcdStage stage);
extern bool bcd_nested_waits(const BcdLane *lane, BcdStage stage);
extern bool bcd_nested_is_named(const BcdJob *job, const BcdItem *item, const cJSON *data);
extern void bcd_nested_check(BcdItem *item, const cJSON *data);
extern const cJSON *bcd_element_with_id(const cJSON *elements, const char *id);
extern const BcdFacet *bcd_asked_facet(const BcdItem *item);
extern void bcd_decide_answer(BcdItem *item, const BcdFacet *facet, bool keeps);
extern void bcd_nested_learn(BcdJob *job);

#endif							/* BCD_NESTED_H */
