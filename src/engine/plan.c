/*
 * plan.c
 *		Makes the next request from waiting items.
 *
 * As long as more items may come, from whichever feed, only full batches are
 * sent; the rest follows when there is nothing else to wait for.  An item of a
 * batch that was refused carries the maximum size of its next group, so that a
 * bad row ends up alone.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/batch_parents.h"
#include "engine/choice_ids.h"
#include "engine/choice_plan.h"
#include "engine/collections.h"
#include "engine/directory.h"
#include "engine/elements_read.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/exchange_turn.h"
#include "engine/facets.h"
#include "engine/gates.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/keyed_read.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/natural_key.h"
#include "engine/nested.h"
#include "engine/plan.h"
#include "engine/plan_task.h"
#include "engine/read_again.h"
#include "engine/removal_children.h"
#include "engine/reply_read.h"
#include "engine/riders.h"
#include "engine/siblings.h"
#include "engine/stage.h"
#include "engine/stage_end.h"
#include "engine/store_full.h"
#include "engine/view.h"
#include "pacing/quota.h"
#include "payload/body.h"
#include "payload/task.h"
#include "payload/url.h"
#include "resource/resource.h"

/* Returns how many items must go into one request with this one, up to most. */
static int
following(BcdLane *lane, BcdStage stage, BcdItem *item, int most)
{
	int			n = 0;

	while (n < most && dlist_has_next(&lane->gates->gate[stage].queue, &item->node))
	{
		item = dlist_container(BcdItem, node, dlist_next_node(&lane->gates->gate[stage].queue, &item->node));
		if (!item->follows)
			break;
		n++;
	}
	return n;
}

/*
 * Moves items that can share a request with the first one of a queue to the
 * places behind it.
 */
static void
gather(BcdLane *lane, BcdStage stage)
{
	dlist_head *queue = &lane->gates->gate[stage].queue;
	BcdTask    *first = bcd_first_task(dlist_head_element(BcdItem, node, queue), stage);
	dlist_head	rest;
	dlist_mutable_iter iter;

	dlist_init(&rest);
	dlist_foreach_modify(iter, queue)
	{
		if (bcd_task_may_join(first, bcd_first_task(dlist_container(BcdItem, node, iter.cur), stage)))
			continue;
		dlist_delete(iter.cur);
		dlist_push_tail(&rest, iter.cur);
	}
	while (!dlist_is_empty(&rest))
		dlist_push_tail(queue, dlist_pop_head_node(&rest));
}

/*
 * Returns how many items of a queue go into the next request, as far as its
 * first item may be grouped, and up to most; 0 if it is better to wait, for
 * more items or for the endpoint.
 */
static int
group_size(BcdLane *lane, BcdStage stage, int most)
{
	int			batch;
	BcdItem    *first;
	dlist_iter	iter;
	int			n = 0;
	int			limit;
	bool		whole = lane->gates->send_partial;
	BcdParents	parents = {.most = lane->gates->gate[stage].writes ? lane->gates->gate[stage].endpoint->parents : 0,
	.records = lane->gates->gate[stage].collection};
	bool		shares;

	if (dlist_is_empty(&lane->gates->gate[stage].queue) || !bcd_endpoint_is_free(lane, stage))
		return 0;
	/* rows below the same parents may be the next that are claimed */
	if (parents.most > 0 && !parents.records && !whole && !bcd_gates_exhausted(lane) && bcd_lane_has_room(lane))
		return 0;
	batch = bcd_batch_limit(lane, stage);
	first = dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue);
	shares = lane->gates->gate[stage].writes && batch > 1 && bcd_action_shares(bcd_action_of(lane, stage, first));
	if (shares)
		gather(lane, stage);
	if (parents.most > 0)
		bcd_gather_by_parent(lane, stage, parents.most);
	first = dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue);
	limit = Min(batch, first->group);
	dlist_foreach(iter, &lane->gates->gate[stage].queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (n == most)
			break;
		if (n > 0 && shares && !bcd_task_may_join(bcd_first_task(first, stage), bcd_first_task(item, stage)))
			break;
		if (Min(batch, item->group) != limit || (stage == BCD_READ && item->whole_read != first->whole_read) ||
			(n > 0 && !item->follows && n + following(lane, stage, item, limit - n) >= limit) ||
			(parents.most > 0 && !bcd_add_parent(&parents, item)))
		{
			/* no more will come in front of this one */
			whole = true;
			break;
		}
		if (++n == limit)
			break;
	}
	whole |= bcd_stage_is_exhausted(lane, stage);
	return n == limit || limit < batch || whole ? n : 0;
}

/* Makes a request for the first n items of a stage. */
static BcdJob *
request_for(BcdLane *lane, BcdStage stage, int n)
{
	const BcdEndpoint *endpoint = bcd_endpoint_of(lane, stage, dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue));
	int			most = Max(bcd_batch_limit(lane, stage), n);
	BcdTask   **tasks = palloc(sizeof(BcdTask *) * most);
	BcdItem   **items = palloc(sizeof(BcdItem *) * n);
	StringInfoData body;
	StringInfoData url;
	BcdJob	   *job;
	int			ntasks = 0;
	int			nitems;
	bool		rides = false;
	int			i;

	for (nitems = 0; nitems < n && ntasks < most; nitems++)
	{
		items[nitems] = bcd_item_pop(lane, stage);
		ntasks = bcd_add_tasks(items[nitems], stage, tasks, ntasks, most - ntasks);
		rides |= bcd_has_riders(items[nitems], stage);
	}
	initStringInfo(&body);
	bcd_body_append(&body, tasks, ntasks);
	initStringInfo(&url);
	appendStringInfoString(&url, bcd_task_path(tasks, ntasks));
	bcd_append_reply_fields(&url, lane, stage, ntasks, rides);
	job = bcd_job_create(lane, stage, endpoint->method, url.data,
						 endpoint->body == BCD_NO_BODY ? NULL : body.data);
	job->endpoint = endpoint;
	job->read = bcd_reply_read;
	for (i = 0; i < nitems; i++)
		bcd_job_take(job, items[i]);
	return job;
}

/* The same, unless items have to be read again first. */
static BcdJob *
next_request(BcdLane *lane, BcdStage stage, int n)
{
	BcdJob	   *job = bcd_plan_read_again(lane, stage, n);

	return job ? job : request_for(lane, stage, n);
}

/*
 * Returns the next request of a stage that writes.  Sets *drains if there is
 * one, but it has to wait until all other writes have ended.
 */
static BcdJob *
write_job(BcdLane *lane, BcdStage stage, int most, bool *drains)
{
	bool		waits = lane->run->alone || *drains || lane->gates->gate[stage].queued == 0;
	int			n = waits ? 0 : group_size(lane, stage, most);

	if (stage == BCD_CREATE)
		n = Min(n, bcd_store_room(lane));
	if (n > 0 && lane->gates->gate[stage].endpoint->alone && lane->run->writing > 0)
		*drains = true;
	else if (n > 0)
		return next_request(lane, stage, n);
	return NULL;
}

/*
 * Returns the next creates, once the store has the choices that they refer to.
 */
static BcdJob *
create_job(BcdLane *lane, bool *drains)
{
	BcdJob	   *job = NULL;
	int			most = INT_MAX;

	if (lane->gates->gate[BCD_CREATE].queued > 0 && bcd_store_room(lane) == 0)
		return bcd_plan_full(lane);
	if (bcd_stage_choices(lane->feed->resource, BCD_CREATE) && (most = bcd_plan_choices(lane, BCD_CREATE, &job)) == 0)
		return job;
	job = write_job(lane, BCD_CREATE, most, drains);
	if (job)
		bcd_choices_taken(job);
	return job;
}

/*
 * Returns a job for items whose facet turned out to be written with the
 * record.
 */
static BcdJob *
merged_job(BcdLane *lane, BcdStage stage)
{
	BcdItem    *first = dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue);
	BcdJob	   *job;

	if (!bcd_item_is_merged(first, stage))
		return NULL;
	job = bcd_job_create(lane, stage, NULL, NULL, NULL);
	job->read = bcd_read_merged;
	while (lane->gates->gate[stage].queued > 0 && job->nitems < BCD_PAGE_LIMIT &&
		   bcd_item_is_merged(dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue), stage))
		bcd_job_take(job, bcd_item_pop(lane, stage));
	return job;
}

/*
 * Returns the next request for a facet other than the first; *drains as above.
 */
static BcdJob *
facet_job(BcdLane *lane, bool *drains)
{
	int			stage;

	for (stage = BCD_FACET; stage < BCD_STAGES; stage++)
	{
		const BcdEndpoint *endpoint = lane->gates->gate[stage].endpoint;
		BcdJob	   *job;
		int			n;

		if (lane->gates->gate[stage].queued == 0)
			continue;
		if ((job = merged_job(lane, stage)) != NULL || (job = bcd_plan_nested(lane, stage)) != NULL)
			return job;
		if (bcd_nested_waits(lane, stage))
			continue;
		if (bcd_stage_choices(lane->feed->resource, stage) && bcd_plan_choices(lane, stage, &job) == 0)
		{
			if (job)
				return job;
			continue;
		}
		n = lane->run->alone ? 0 : group_size(lane, stage, INT_MAX);
		if (n > 0 && endpoint->alone && lane->run->writing > 0)
			*drains = true;
		else if (n > 0)
			return next_request(lane, stage, n);
	}
	return NULL;
}

static void
read_recheck(BcdJob *job, const cJSON *reply)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
		job->run->kind->decide_recheck(dlist_container(BcdItem, node, iter.cur));
	bcd_wait_for_below(job);
}

/*
 * Returns a job that rechecks rows that are gone; it makes no request.  These
 * rows come last, when all others, including those of other feeds of the
 * resource, have found their records; or earlier, if there is no room for
 * others.
 */
static BcdJob *
recheck_job(BcdLane *lane)
{
	BcdJob	   *job;

	if (lane->gates->gate[BCD_RECHECK].queued == 0 || !bcd_stage_is_idle(lane, BCD_LOOKUP) || !bcd_stage_is_idle(lane, BCD_READ) || !bcd_stage_is_idle(lane, BCD_BELOW) ||
		(!bcd_gates_exhausted(lane) && bcd_lane_has_room(lane)))
		return NULL;
	if (bcd_rechecks_last(lane) && !(bcd_stage_is_idle(lane, BCD_UPDATE) && bcd_stage_is_idle(lane, BCD_CREATE)))
		return NULL;
	job = bcd_job_create(lane, BCD_RECHECK, NULL, NULL, NULL);
	job->read = read_recheck;
	while (job->nitems < BCD_PAGE_LIMIT && lane->gates->gate[BCD_RECHECK].queued > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_RECHECK));
	return job;
}

static BcdJob *
read_job(BcdLane *lane)
{
	const BcdView *view = &lane->feed->resource->view;
	int			n = view->siblings ? 0 : group_size(lane, BCD_READ, INT_MAX);
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	StringInfoData url;
	BcdJob	   *job;
	dlist_iter	iter;
	int			i = 0;

	if (n == 0)
		return NULL;
	dlist_foreach(iter, &lane->gates->gate[BCD_READ].queue)
	{
		if (i == n)
			break;
		ids[i++] = dlist_container(BcdItem, node, iter.cur)->store_id;
	}
	initStringInfo(&url);
	bcd_url_append(&url, view->endpoint->path, view->query, n, bcd_url_of_id, ids);
	bcd_append_fields(&url, lane, BCD_READ, view->endpoint);
	job = bcd_job_create(lane, BCD_READ, view->endpoint->method, url.data, NULL);
	job->read = bcd_reply_read;
	while (n-- > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_READ));
	return job;
}

static void
read_nothing(BcdJob *job, const cJSON *reply)
{
}

/*
 * Returns a probe of a store that keeps failing: any answer will do.  Thus
 * rows do not use up their attempts.
 */
static BcdJob *
probe_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_READ, "GET", "/v2/time", NULL);

	job->read = read_nothing;
	job->probe = true;
	lane->gates->extra = job;
	return job;
}

/* A stage without items has nothing to plan. */
static bool
has_items(const BcdLane *lane, BcdStage stage)
{
	return lane->gates->gate[stage].queued > 0;
}

static BcdJob *
next_job(BcdLane *lane)
{
	BcdJob	   *job = NULL;
	bool		drains = false;

	if (bcd_quota_failing(&lane->run->store->quota))
		return lane->gates->extra == NULL && (lane->gates->items > 0 || bcd_lane_asks(lane)) ?
			probe_job(lane) : NULL;
	if (lane->gates->extra == NULL && bcd_endpoint_is_free(lane, BCD_READ))
	{
		if (bcd_directory_asks(lane))
			job = bcd_plan_directory(lane);
		else if (bcd_lane_asks(lane))
			job = lane->run->kind->plan(lane->run, lane);
		if (job == NULL && has_items(lane, BCD_LOOKUP))
			job = lane->feed->resource->keys[0].many.siblings ? bcd_plan_siblings(lane, BCD_LOOKUP) : bcd_plan_lookup(lane);
		if (job && job->nitems == 0)
			lane->gates->extra = job;
	}
	if (job == NULL && lane->feed->resource->view.siblings)
		job = bcd_plan_siblings(lane, BCD_READ);
	else if (job == NULL)
		job = lane->feed->resource->id ? read_job(lane) : bcd_keyed_read_job(lane);
	if (job == NULL && has_items(lane, BCD_BELOW))
		job = bcd_plan_elements(lane);
	if (job == NULL && has_items(lane, BCD_TURN))
		job = bcd_plan_turn(lane);
	if (job == NULL)
		job = recheck_job(lane);
	if (job == NULL)
		job = facet_job(lane, &drains);
	if (job == NULL)
		job = write_job(lane, BCD_UPDATE, INT_MAX, &drains);
	if (job == NULL && !drains)
		job = create_job(lane, &drains);
	if (job == NULL)
		job = write_job(lane, BCD_REMOVE, INT_MAX, &drains);
	return job;
}

/*
 * Returns the next request of a lane, or NULL if there is nothing to send yet.
 * Called in a short-lived memory context.
 */
BcdJob *
bcd_plan_next(BcdLane *lane)
{
	BcdJob	   *job = next_job(lane);

	if (job == NULL && lane->gates->in_flight == 0 && !bcd_lane_has_room(lane))
	{
		/* the items are so large that a full batch does not fit */
		lane->gates->send_partial = true;
		job = next_job(lane);
		lane->gates->send_partial = false;
	}
	return job;
}
