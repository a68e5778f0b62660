/*
 * stage.h
 *		The stages of items, and the transitions between them.
 */
#ifndef BCD_STAGE_H
#define BCD_STAGE_H

#include "engine/engine.h"

extern int	bcd_stage_nth_facet(BcdStage stage);
extern BcdStage bcd_stage_of_facet(int nth);
extern BcdStage bcd_stage_of(const BcdTask *task);
extern BcdStage bcd_stage_of_removals(BcdStage together);
extern BcdStage bcd_stage_of_keys(const BcdResource *resource);
extern bool bcd_stage_writes(BcdStage stage);
extern bool bcd_stage_reads(BcdStage stage);
extern const BcdFacet *bcd_stage_facet(const BcdResource *resource, BcdStage stage);
extern bool bcd_stage_may_follow(BcdStage from, BcdStage to);
extern const BcdAction *bcd_stage_action(const BcdResource *resource, BcdStage stage);
extern const BcdEndpoint *bcd_stage_endpoint(const BcdResource *resource, BcdStage stage);
extern bool bcd_stage_is_together(const BcdResource *resource, BcdStage stage);
extern const char *bcd_stage_name(BcdStage stage);

#endif							/* BCD_STAGE_H */
