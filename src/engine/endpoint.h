/*
 * endpoint.h
 *		The limits of a stage's endpoint: records per request, and simultaneous
 *		requests.
 */
#ifndef BCD_ENDPOINT_H
#define BCD_ENDPOINT_H

#include "engine/engine.h"
#include "pacing/endpoint_health.h"
#include "pacing/endpoint_limits.h"

/* Does an endpoint do what only a text promises?  See create_many.c */
typedef enum BcdPromise
{
	BCD_PROMISE_UNTRIED,
	BCD_PROMISE_KEPT,
	BCD_PROMISE_BROKEN
} BcdPromise;

/* The limits of an endpoint, as learned from its replies */
typedef struct BcdLearned
{
	struct BcdLearned *next;
	const BcdEndpoint *endpoint;
	BcdPromise	promise;
	int			unclear;		/* replies that did not show whether it is
								 * kept */
	BcdBatch	batch;
	BcdSlots	slots;
	BcdLuck		luck;
	int64		taken_at;		/* monotonic ms: it last accepted a write */
} BcdLearned;

extern int	bcd_batch_limit(BcdLane *lane, BcdStage stage);
extern int	bcd_batch_limit_at(BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint);
extern const BcdEndpoint *bcd_endpoint_shrinks(BcdLane *lane, int *batch, int *usual);
extern bool bcd_reads_whole(const BcdLane *lane);
extern void bcd_batch_too_large(BcdJob *job, int n);
extern BcdLearned *bcd_endpoint_learned(BcdLane *lane, BcdStage stage);
extern void bcd_endpoints_forget(BcdStore *store);
extern BcdLearned *bcd_learned_of(BcdStore *store, const BcdEndpoint *endpoint);
extern const BcdEndpoint *bcd_endpoint_of(BcdLane *lane, BcdStage stage, const BcdItem *item);
extern const BcdAction *bcd_action_of(BcdLane *lane, BcdStage stage, const BcdItem *item);
extern bool bcd_endpoint_is_free(BcdLane *lane, BcdStage stage);
extern const BcdEndpoint *bcd_endpoint_in_the_way(BcdLane *lane, int *at_a_time);
extern bool bcd_reply_may_be_empty(const BcdJob *job);
extern void bcd_endpoint_started(BcdJob *job);
extern void bcd_endpoint_replied(BcdJob *job);
extern int64 bcd_endpoint_shows_at(BcdLane *lane, BcdStage stage);
extern int64 bcd_facet_shows_at(BcdLane *lane, int nth);
extern bool bcd_may_deny_record(const BcdJob *job);

#endif							/* BCD_ENDPOINT_H */
