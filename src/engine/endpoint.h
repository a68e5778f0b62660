/*
 * endpoint.h
 *		The limits of a stage's endpoint: records per request, and simultaneous
 *		requests.
 */
#ifndef BCD_ENDPOINT_H
#define BCD_ENDPOINT_H

#include "engine/engine.h"

extern int	bcd_batch_limit(BcdLane *lane, BcdStage stage);
extern void bcd_batch_too_large(BcdLane *lane, BcdStage stage, int n);
extern BcdLearned *bcd_endpoint_learned(BcdLane *lane, BcdStage stage);
extern bool bcd_endpoint_is_free(BcdLane *lane, BcdStage stage);
extern bool bcd_reply_may_be_empty(const BcdJob *job);
extern void bcd_endpoint_started(BcdJob *job);
extern void bcd_endpoint_replied(BcdJob *job);
extern int64 bcd_endpoint_shows_at(BcdLane *lane, BcdStage stage);
extern int64 bcd_facet_shows_at(BcdLane *lane, int nth);

#endif							/* BCD_ENDPOINT_H */
