/*
 * endpoint.c
 *		What the endpoint of a stage takes: records in a request, requests at a time.
 *
 * Both come from the resource's descriptor, from the feed's options, and from
 * what the store has refused since the worker started; the least counts.
 */
#include "postgres.h"

#include "engine.h"

/* NULL: the list of records, which is read */
static const BcdEndpoint *
endpoint_of(BcdLane *lane, BcdStage stage)
{
	const BcdResource *r = lane->feed->resource;

	switch (stage)
	{
		case BCD_CREATE:
			return &r->create;
		case BCD_UPDATE:
			return &r->update;
		case BCD_REMOVE:
			return &r->remove;
		default:
			return NULL;
	}
}

/* What was learned of it; all reads go to one endpoint. */
static BcdLearned *
learned(BcdLane *lane, BcdStage stage)
{
	int			n = lane->feed->resource - bcd_resource_nth(0);

	return &lane->run->store->learned[n][stage];
}

/* The most records in one request of a stage. */
int
bcd_batch_limit(BcdLane *lane, BcdStage stage)
{
	const BcdEndpoint *endpoint = endpoint_of(lane, stage);
	int64		wanted = lane->feed->options.batch_size;
	int			limit = endpoint ? endpoint->batch : BCD_PAGE_LIMIT;
	int			refused = learned(lane, stage)->batch;

	/* more than is documented is not asked for */
	if (endpoint && wanted > 0 && (wanted < limit || endpoint->assumed))
		limit = (int) Min(wanted, BCD_PAGE_LIMIT);
	return refused > 0 ? Min(limit, refused) : limit;
}

/* A batch of n was too large: remember half of it. */
void
bcd_batch_too_large(BcdLane *lane, BcdStage stage, int n)
{
	learned(lane, stage)->batch = Max(n / 2, 1);
}

/* Requests of an endpoint under way, or whose replies are not settled. */
static int
in_flight(BcdLane *lane, BcdStage stage)
{
	if (endpoint_of(lane, stage))
		return lane->flying[stage];
	return lane->flying[BCD_LOOKUP] + lane->flying[BCD_READ];
}

/* May one more request of a stage go out now? */
bool
bcd_endpoint_is_free(BcdLane *lane, BcdStage stage)
{
	const BcdEndpoint *endpoint = endpoint_of(lane, stage);
	int			limit = bcd_slots_limit(&learned(lane, endpoint ? stage : BCD_READ)->slots,
										endpoint ? endpoint->concurrent :
										lane->feed->resource->list_concurrent,
										(int) Min(lane->feed->options.concurrency, INT_MAX));

	return limit == 0 || in_flight(lane, stage) < limit;
}

/* A request is being started: which one at a time is it? */
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
	BcdStage	stage = endpoint_of(job->lane, job->stage) ? job->stage : BCD_READ;
	BcdSlots   *slots = &learned(job->lane, stage)->slots;

	if (job->probe || r->fate != BCD_HTTP_REPLIED)
		return;
	if (bcd_quota_crowded(r->status, &r->headers))
		bcd_slots_crowded(slots, job->nth);
	else if (r->status >= 200 && r->status < 300)
		bcd_slots_good(slots);
}
