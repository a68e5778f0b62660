/*
 * create_many.c
 *		Creates that share a request, if the store does what a text promises.
 *
 * For some records, the vendor says in a sentence that the endpoint for updates
 * creates many at a time, but no schema or sample has it.  So the first
 * record that has to be created, whichever it is, is sent there alone, and no
 * other create is sent until the reply shows what the store does:
 *
 *	the record, as it was to be		the promise is kept: others share requests
 *	a refusal						the record is sent to the endpoint for one;
 *									if that accepts it, the promise is broken,
 *									and else the next record is tried
 *	a success without the record	it is broken
 *	another record than was sent	it is broken
 *	nothing clear, twice			it is broken
 *
 * Whatever may have been created without being named is looked for before it
 * is created again, as after any lost reply.  The answer is kept as long as the
 * worker runs, so after a restart the store may answer otherwise; each record
 * that it refuses in such a request is sent alone to the endpoint for one
 * before its row fails.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "engine/stage.h"
#include "engine/unmapped_fields.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/verdict.h"

/* Unclear replies after which a store is taken not to keep its promise */
#define MOST_UNCLEAR	2

static const BcdEndpoint *
many_of(const BcdLane *lane)
{
	return lane->gates->resource->facets->create.many;
}

/* Does a request create records at the endpoint for many? */
static bool
creates_many(const BcdJob *job)
{
	return job->stage == BCD_CREATE && job->prepares == 0 && job->request && job->endpoint && job->endpoint == many_of(job->lane);
}

/* Is this the request that shows whether the store keeps its promise? */
static bool
tries_promise(const BcdJob *job)
{
	return creates_many(job) && bcd_learned_of(job->run->store, job->endpoint)->promise == BCD_PROMISE_UNTRIED;
}

/* Will a job show whether the store keeps its promise, at first or at last? */
static bool
is_tried_in(const dlist_head *jobs, const BcdEndpoint *many)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		BcdJob	   *job = dlist_container(BcdJob, node, iter.cur);

		if (job->stage == BCD_CREATE && many_of(job->lane) == many && job->nitems > 0 &&
			(creates_many(job) || dlist_head_element(BcdItem, node, &job->items)->singly))
			return true;
	}
	return false;
}

/* Does an item wait for the answer that another one is about to get? */
bool
bcd_awaits_promise(BcdLane *lane, BcdStage stage, const BcdItem *item)
{
	const BcdEndpoint *endpoint = bcd_endpoint_of(lane, stage, item);

	return endpoint != lane->gates->gate[stage].endpoint && bcd_learned_of(lane->run->store, endpoint)->promise == BCD_PROMISE_UNTRIED &&
		!item->lane->feed->options.creates_many &&
		(is_tried_in(&lane->run->jobs, endpoint) || is_tried_in(&lane->run->unsettled, endpoint) ||
		 dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue)->singly);
}

/*
 * A record was refused that was sent alone to the endpoint for many.  Decides
 * that it is sent to the endpoint for one, and returns true, unless the feed
 * has ruled that out.
 */
bool
bcd_create_singly(BcdJob *job, BcdVerdict verdict, char *text)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &job->items);

	if (!creates_many(job) || job->nitems != 1 || item->lane->feed->options.creates_many ||
		(verdict != BCD_REFUSED && verdict != BCD_CONFLICT && verdict != BCD_GONE && verdict != BCD_TOO_LARGE))
		return false;
	bcd_decide_stage(item, BCD_CREATE);
	item->decision.singly = true;
	item->decision.error = text;
	item->decision.status = (int) job->request->status;
	return true;
}

/* A reply to a create, and what can be relied on of it */
typedef struct Shown
{
	const BcdEndpoint *endpoint;
	const cJSON *record;
	Jsonb	   *known;
} Shown;

static bool
is_shown(const char *name, JsonbValue *value, void *arg)
{
	const Shown *shown = arg;

	return bcd_endpoint_lacks(shown->endpoint, name) || bcd_payload_has(shown->known, name) || cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(shown->record, name));
}

/*
 * Does the reply to such a request show another record than was sent?  Then a
 * part of it was ignored, or something is where nothing was sent, because the
 * field is empty.  What the reply does not show is as it was sent.
 */
bool
bcd_create_is_unfaithful(const BcdJob *job, BcdItem *item, const cJSON *record)
{
	Shown		shown = {job->endpoint, record, creates_many(job) ? bcd_item_known_read(item, record) : NULL};

	return shown.known &&
		bcd_payload_count(bcd_payload_filter(bcd_payload_changes(job->lane->feed->resource, item->body, shown.known), is_shown, &shown)) > 0;
}

/*
 * The store has accepted the first such request, but does not name the record.
 * Decides that it is looked for, and then created by itself.
 */
bool
bcd_look_for_unnamed(BcdJob *job, BcdItem *item)
{
	if (!tries_promise(job))
		return false;
	bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
	item->decision.singly = true;
	item->decision.error = MemoryContextStrdup(item->cxt, "the store has accepted the record in a request for many, but has not named it");
	return true;
}

/* Has a reply shown another record than was sent? */
static bool
ignores_some(const BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) &job->items)
	{
		const BcdDecision *d = &dlist_container(BcdItem, node, iter.cur)->decision;

		if (job->verdict == BCD_OK && !d->taken && d->link == BCD_LINK_PUT)
			return true;
	}
	return false;
}

/* Called after the commit, before the items move: learns from a create. */
void
bcd_learn_promise(const BcdJob *job)
{
	const BcdItem *item;
	const BcdDecision *d;
	BcdLearned *learned;

	if (job->prepares != 0 || job->request == NULL || job->nitems == 0 || many_of(job->lane) == NULL)
		return;
	learned = bcd_learned_of(job->run->store, many_of(job->lane));
	if (creates_many(job) && ignores_some(job))
		learned->promise = BCD_PROMISE_BROKEN;
	if (learned->promise != BCD_PROMISE_UNTRIED)
		return;
	item = dlist_head_element(BcdItem, node, (dlist_head *) &job->items);
	d = &item->decision;
	if (!creates_many(job))
	{
		if (item->singly && d->taken)
			learned->promise = BCD_PROMISE_BROKEN;
	}
	else if (d->taken)
		learned->promise = BCD_PROMISE_KEPT;
	else if (job->verdict == BCD_OK || job->verdict == BCD_PARTIAL)
		learned->promise = BCD_PROMISE_BROKEN;
	else if (job->verdict == BCD_TROUBLE && job->request->fate != BCD_HTTP_NOT_SENT && ++learned->unclear >= MOST_UNCLEAR)
		learned->promise = BCD_PROMISE_BROKEN;
}
