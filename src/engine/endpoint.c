/*
 * endpoint.c
 *		The limits of a stage's endpoint: records per request, and simultaneous
 *		requests.
 *
 * Both come from the resource's descriptor, from the feed's options, and from
 * what the store has refused since the worker started; the lowest applies.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "pacing/endpoint_health.h"
#include "pacing/endpoint_limits.h"
#include "pacing/quota.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/verdict.h"

/*
 * Returns what is known of an endpoint, which is kept as long as the worker
 * runs.
 */
BcdLearned *
bcd_learned_of(BcdStore *store, const BcdEndpoint *endpoint)
{
	BcdLearned *l;

	for (l = store->learned; l && l->endpoint != endpoint; l = l->next)
		;
	if (l == NULL)
	{
		l = MemoryContextAllocZero(TopMemoryContext, sizeof(BcdLearned));
		l->endpoint = endpoint;
		l->next = store->learned;
		store->learned = l;
	}
	return l;
}

/* Forgets what is known of all endpoints of a store. */
void
bcd_endpoints_forget(BcdStore *store)
{
	BcdLearned *l;

	while ((l = store->learned) != NULL)
	{
		store->learned = l->next;
		pfree(l);
	}
}

/* Returns what is known of the endpoint of a stage. */
BcdLearned *
bcd_endpoint_learned(BcdLane *lane, BcdStage stage)
{
	BcdGate    *gate = &lane->gates->gate[stage];

	if (gate->learned == NULL)
		gate->learned = bcd_learned_of(lane->run->store, gate->endpoint);
	return gate->learned;
}

/*
 * Returns the action that the next request of a stage carries out for an item.
 * A create goes to the endpoint for many records, unless the store is known
 * not to do that, or not with this one.
 */
const BcdAction *
bcd_action_of(BcdLane *lane, BcdStage stage, const BcdItem *item)
{
	const BcdAction *action = lane->gates->gate[stage].action;
	const BcdFeedOptions *options = &item->lane->feed->options;

	if (stage != BCD_CREATE || action->many == NULL || item->singly || options->creates_singly ||
		(!options->creates_many && bcd_learned_of(lane->run->store, action->many)->promise == BCD_PROMISE_BROKEN))
		return action;
	return bcd_action_for_many(action, item->body);
}

/* Returns its endpoint; stages that do not write have one, too. */
const BcdEndpoint *
bcd_endpoint_of(BcdLane *lane, BcdStage stage, const BcdItem *item)
{
	return stage == BCD_CREATE ? bcd_action_of(lane, stage, item)->endpoint : lane->gates->gate[stage].endpoint;
}

/*
 * Returns the lowest value that the feeds at the gates have for an option; 0:
 * none.
 */
static int64
least_of(const BcdLane *lane, size_t option)
{
	const BcdRun *run = lane->run;
	int64		least = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		const char *options = (const char *) &run->lanes[i]->feed->options;
		int64		value = *(const int64 *) (options + option);

		if (run->lanes[i]->gates == lane->gates && value > 0)
			least = least > 0 ? Min(least, value) : value;
	}
	return least;
}

/*
 * Returns the most records of a page that shows the collections that are
 * mapped; whole: all of them.
 */
static int
page_size(const BcdLane *lane, bool whole)
{
	const BcdRun *run = lane->run;
	const BcdResource *r = lane->feed->resource;
	int			most = INT_MAX;
	int			nth;
	int			i;

	for (nth = 1; nth < r->nfacets; nth++)
		for (i = 0; r->facets[nth].page && i < run->nlanes; i++)
			if (run->lanes[i]->gates == lane->gates && (whole || bcd_feed_maps(run->lanes[i]->feed, r->facets[nth].collection)))
				most = Min(most, r->facets[nth].page);
	return most;
}

/* Does the next read ask for all fields of its records? */
bool
bcd_reads_whole(const BcdLane *lane)
{
	const dlist_head *queue = &lane->gates->gate[BCD_READ].queue;

	return !dlist_is_empty((dlist_head *) queue) && dlist_head_element(BcdItem, node, (dlist_head *) queue)->whole_read;
}

/* Returns the most records in a request that has not been refused for its size. */
static int
usual_batch(BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint)
{
	int64		wanted = least_of(lane, offsetof(BcdFeedOptions, batch_size));
	int			limit = endpoint->batch;

	/*
	 * the option is about records, not about further facets, and cannot
	 * exceed a documented limit
	 */
	if (wanted > 0 && (wanted < limit || endpoint->assumed) && lane->gates->gate[stage].writes && !BCD_IS_FACET(stage))
		limit = (int) Min(wanted, BCD_PAGE_LIMIT);
	if (stage == BCD_READ)
		limit = Min(limit, page_size(lane, bcd_reads_whole(lane)));
	return limit;
}

/*
 * Returns the maximum number of records in a request of a stage to an
 * endpoint.  What is not known to work is tried with one.
 */
int
bcd_batch_limit_at(BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint)
{
	bool		usual = endpoint == lane->gates->gate[stage].endpoint;
	const BcdLearned *learned = usual ? bcd_endpoint_learned(lane, stage) : bcd_learned_of(lane->run->store, endpoint);
	int			limit = usual_batch(lane, stage, endpoint);
	int			refused = learned->batch.limit;

	if (!usual && learned->promise == BCD_PROMISE_UNTRIED && !lane->feed->options.creates_many)
		return 1;
	return refused > 0 ? Min(limit, refused) : limit;
}

/* The same for the next request. */
int
bcd_batch_limit(BcdLane *lane, BcdStage stage)
{
	BcdGate    *gate = &lane->gates->gate[stage];

	return bcd_batch_limit_at(lane, stage, dlist_is_empty(&gate->queue) ? gate->endpoint :
							  bcd_endpoint_of(lane, stage, dlist_head_element(BcdItem, node, &gate->queue)));
}

/* Does the queue of a stage go to its endpoint in batches smaller than usual? */
static const BcdEndpoint *
shrinks(BcdLane *lane, BcdStage stage, int *batch, int *usual)
{
	BcdGate    *gate = &lane->gates->gate[stage];
	const BcdEndpoint *endpoint;
	int			refused;

	if (gate->endpoint == NULL || dlist_is_empty(&gate->queue))
		return NULL;
	endpoint = bcd_endpoint_of(lane, stage, dlist_head_element(BcdItem, node, &gate->queue));
	refused = bcd_learned_of(lane->run->store, endpoint)->batch.limit;
	*usual = usual_batch(lane, stage, endpoint);
	*batch = bcd_batch_limit_at(lane, stage, endpoint);
	return refused > 0 && refused < *usual ? endpoint : NULL;
}

/*
 * Returns the first endpoint at a lane's gates to which a queue goes in smaller
 * batches, because it has refused larger ones, or NULL; sets *batch to their
 * size, and *usual to what it would be otherwise.
 */
const BcdEndpoint *
bcd_endpoint_shrinks(BcdLane *lane, int *batch, int *usual)
{
	const BcdEndpoint *endpoint = NULL;
	BcdStage	stage;

	for (stage = 0; endpoint == NULL && stage < BCD_STAGES; stage++)
		endpoint = shrinks(lane, stage, batch, usual);
	return endpoint;
}

/* Learns that a batch of n was too large. */
void
bcd_batch_too_large(BcdJob *job, int n)
{
	bcd_batch_refused(&bcd_learned_of(job->run->store, job->endpoint)->batch, n);
}

/*
 * Returns the number of requests at an endpoint that are under way or not
 * settled.
 */
static int
in_flight(BcdLane *lane, BcdStage stage)
{
	if (lane->gates->gate[stage].writes)
		return lane->gates->gate[stage].flying;
	return lane->gates->gate[BCD_LOOKUP].flying + lane->gates->gate[BCD_READ].flying;
}

/* Returns the most requests of a stage at a time; 0: no limit. */
static int
most_at_a_time(BcdLane *lane, BcdStage stage)
{
	BcdLearned *learned = bcd_endpoint_learned(lane, stage);
	int			wanted = (int) Min(least_of(lane, offsetof(BcdFeedOptions, concurrency)), INT_MAX);

	return bcd_slots_limit(&learned->slots, learned->endpoint->concurrent, wanted);
}

/* May one more request of a stage be sent now? */
bool
bcd_endpoint_is_free(BcdLane *lane, BcdStage stage)
{
	int			limit = most_at_a_time(lane, stage);

	return limit == 0 || in_flight(lane, stage) < limit;
}

/*
 * Returns the first endpoint at a lane's gates whose queue waits because it
 * takes no more requests at a time, and sets how many those are; or NULL.
 */
const BcdEndpoint *
bcd_endpoint_in_the_way(BcdLane *lane, int *at_a_time)
{
	BcdStage	stage;

	for (stage = 0; stage < BCD_STAGES; stage++)
	{
		const BcdGate *gate = &lane->gates->gate[stage];

		if (gate->endpoint == NULL || dlist_is_empty((dlist_head *) &gate->queue) || bcd_endpoint_is_free(lane, stage))
			continue;
		*at_a_time = most_at_a_time(lane, stage);
		return gate->endpoint;
	}
	return NULL;
}

/* Is a success of this request complete without a body? */
bool
bcd_reply_may_be_empty(const BcdJob *job)
{
	const BcdEndpoint *endpoint = job->endpoint;

	return job->request->status == 204 || job->request->status == 202 ||
		(job->writes && endpoint->reply && endpoint->reply->empty);
}

/* Counts a request that is being started, and notes its number in the job. */
void
bcd_endpoint_started(BcdJob *job)
{
	job->nth = in_flight(job->lane, job->stage);
}

/* Learns from a reply. */
void
bcd_endpoint_replied(BcdJob *job)
{
	BcdHttpRequest *r = job->request;
	BcdLearned *learned = bcd_endpoint_learned(job->lane, job->stage);

	if (job->probe || job->lists)
		return;
	if (job->verdict == BCD_TROUBLE)
		bcd_luck_bad(&learned->luck);
	if (r->fate != BCD_HTTP_REPLIED)
		return;
	if (bcd_quota_crowded(r->status, &r->headers))
		bcd_slots_crowded(&learned->slots, job->nth);
	else if (r->status >= 200 && r->status < 300)
	{
		bcd_slots_good(&learned->slots);
		bcd_luck_good(&learned->luck, job->nitems);
		bcd_batch_taken(&bcd_learned_of(job->run->store, job->endpoint)->batch, job->nitems);
		learned->taken_at = bcd_now_ms();
	}
}

/*
 * Returns the monotonic time in ms from which reads show everything written at
 * the endpoint of a stage.
 */
int64
bcd_endpoint_shows_at(BcdLane *lane, BcdStage stage)
{
	const BcdLearned *learned = bcd_endpoint_learned(lane, stage);
	const BcdReplyForm *reply = learned->endpoint->reply;

	return reply && learned->taken_at > 0 ? learned->taken_at + reply->delay_ms : 0;
}

/* The same of all endpoints of the nth facet. */
int64
bcd_facet_shows_at(BcdLane *lane, int nth)
{
	int64		latest = 0;
	int			stage;

	for (stage = BCD_FACET; stage < BCD_STAGES; stage++)
		if (bcd_stage_nth_facet(stage) == nth && lane->gates->gate[stage].endpoint)
			latest = Max(latest, bcd_endpoint_shows_at(lane, stage));
	return latest;
}

/*
 * Can a denial of access be due to one of the records?  A new record belongs to
 * nobody else.
 */
bool
bcd_may_deny_record(const BcdJob *job)
{
	const BcdEndpoint *endpoint = job->lane->gates->gate[job->stage].endpoint;

	return job->request->status == 403 && endpoint && endpoint->reply && endpoint->reply->denies_records &&
		strcmp(endpoint->method, "POST") != 0;
}
