/*
 * plan.c
 *		From waiting items to the next request.
 *
 * Batches are sent full as long as more items may come; what is left over
 * goes out when the lane has nothing else to wait for, or travels on with the
 * next feed of the same resource.  An item of a batch
 * that was refused carries the size of the groups it may still be part of,
 * so that a bad row ends up alone.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/exchange_turn.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/natural_key.h"
#include "engine/plan.h"
#include "engine/removal_children.h"
#include "engine/reply_read.h"
#include "engine/view.h"
#include "pacing/quota.h"
#include "payload/payload.h"

static bool
is_idle(const BcdLane *lane, BcdStage stage)
{
	return lane->queued[stage] == 0 && lane->flying[stage] == 0;
}

/* What goes may take along what is below it and is to be moved: see removal_children.c. */
static bool
rechecks_last(const BcdLane *lane)
{
	return lane->feed->resource->scope && lane->feed->on_delete == BCD_DELETE_DELETE;
}

/* Nothing will come to a later stage of this lane but what is queued there. */
static bool
plan_flushes(const BcdLane *lane)
{
	return lane->exhausted && is_idle(lane, BCD_LOOKUP) && is_idle(lane, BCD_READ) &&
		(is_idle(lane, BCD_RECHECK) || rechecks_last(lane));
}

/* How many items have to go with this one, at most so many? */
static int
following(BcdLane *lane, BcdStage stage, BcdItem *item, int most)
{
	int			n = 0;

	while (n < most && dlist_has_next(&lane->queue[stage], &item->node))
	{
		item = dlist_container(BcdItem, node, dlist_next_node(&lane->queue[stage], &item->node));
		if (!item->follows)
			break;
		n++;
	}
	return n;
}

/*
 * How many items of a queue go into the next request: as many as its first
 * item may be grouped with; 0 when it is worth waiting, for more of them or for
 * the endpoint.
 */
static int
group_size(BcdLane *lane, BcdStage stage)
{
	int			batch = bcd_batch_limit(lane, stage);
	BcdItem    *first;
	dlist_iter	iter;
	int			n = 0;
	int			limit;
	bool		whole = lane->cramped;

	if (dlist_is_empty(&lane->queue[stage]) || !bcd_endpoint_is_free(lane, stage))
		return 0;
	first = dlist_head_element(BcdItem, node, &lane->queue[stage]);
	limit = Min(batch, first->group);
	dlist_foreach(iter, &lane->queue[stage])
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (Min(batch, item->group) != limit ||
			(n > 0 && !item->follows && n + following(lane, stage, item, limit - n) >= limit))
		{
			/* no more will come before this one */
			whole = true;
			break;
		}
		if (++n == limit)
			break;
	}
	whole |= stage <= BCD_READ ? lane->exhausted : plan_flushes(lane);
	return n == limit || limit < batch || whole ? n : 0;
}

/* Leaves the last n items of a stage to another feed's batch, to fill that. */
static bool
passes_on(BcdLane *lane, BcdStage stage, int batch, int n)
{
	BcdLane    *heir = bcd_lane_heir(lane);
	BcdItem    *first = n > 0 ? dlist_head_element(BcdItem, node, &lane->queue[stage]) : NULL;

	batch = Min(batch, bcd_batch_limit(lane, stage));
	if (heir == NULL || first == NULL || n >= batch || lane->in_turns || first->group < batch || !plan_flushes(lane))
		return false;
	while (n-- > 0)
		bcd_item_hand_over(lane, heir, bcd_item_pop(lane, stage), stage);
	return true;
}

static void
append_jsonb(StringInfo out, Jsonb *jsonb)
{
	(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
}

/* The object of an update: the id when it is not in the path, then the fields. */
static void
append_update(StringInfo out, BcdLane *lane, BcdItem *item)
{
	const BcdResource *r = lane->feed->resource;
	Jsonb	   *body = item->body;
	StringInfoData fields;

	if (r->update_needs && item->wanted && bcd_payload_text(body, r->update_needs) == NULL)
	{
		char	   *value = bcd_payload_text(item->wanted, r->update_needs);
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = value;
		v.val.string.len = strlen(value);
		body = bcd_payload_set(body, r->update_needs, &v);
	}
	if (!r->update.array)
	{
		append_jsonb(out, body);
		return;
	}
	initStringInfo(&fields);
	append_jsonb(&fields, body);
	appendStringInfo(out, "{\"%s\": " INT64_FORMAT ", %s", r->id, item->store_id, fields.data + 1);
}

/*
 * The object of a create.  Where a record lives in a tree, one without a
 * parent names the tree instead.
 */
static void
append_create(StringInfo out, BcdLane *lane, BcdItem *item)
{
	const BcdResource *r = lane->feed->resource;
	Jsonb	   *body = item->wanted;

	if (r->needs_tree && bcd_payload_integer(body, r->scope) == 0 &&
		bcd_payload_integer(body, r->needs_tree) == 0)
	{
		JsonbValue	v;

		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric,
															Int64GetDatum(bcd_default_tree(lane, item))));
		body = bcd_payload_set(body, r->needs_tree, &v);
		body = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(body),
												  CStringGetTextDatum(r->scope)));
	}
	append_jsonb(out, body);
}

/* A path with its {id} replaced. */
static char *
path_with_id(const char *path, int64 id)
{
	const char *at = strstr(path, "{id}");

	return psprintf("%.*s" INT64_FORMAT "%s", (int) (at - path), path, id, at + strlen("{id}"));
}

typedef void (*AppendItem) (StringInfo out, BcdLane *lane, BcdItem *item);

static BcdJob *
write_job(BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint, AppendItem append)
{
	StringInfoData body;
	const char *path = endpoint->path;
	BcdItem   **items;
	BcdJob	   *job;
	int			n;
	int			i;

	/* behind a group that is passed on there may be another one */
	do
		n = group_size(lane, stage);
	while (passes_on(lane, stage, endpoint->batch, n));
	if (n == 0)
		return NULL;
	items = palloc(sizeof(BcdItem *) * n);
	initStringInfo(&body);
	if (endpoint->array)
		appendStringInfoChar(&body, '[');
	for (i = 0; i < n; i++)
	{
		items[i] = bcd_item_pop(lane, stage);
		if (i > 0)
			appendStringInfoChar(&body, ',');
		append(&body, lane, items[i]);
	}
	if (endpoint->array)
		appendStringInfoChar(&body, ']');
	if (strstr(path, "{id}"))
		path = path_with_id(path, items[0]->store_id);
	job = bcd_job_create(lane, stage, endpoint->method, path, body.data);
	job->read = bcd_reply_read;
	for (i = 0; i < n; i++)
		bcd_job_take(job, items[i]);
	return job;
}

/*
 * Takes up to n items of a stage and lists their ids.  A delete without a
 * filter might delete everything: the list is never empty.
 */
static BcdJob *
ids_job(BcdLane *lane, BcdStage stage, const char *method, const char *path,
		int n, const char *rest)
{
	StringInfoData ids;
	BcdItem   **items = palloc(sizeof(BcdItem *) * n);
	BcdJob	   *job;
	int			i;

	Assert(n > 0);
	initStringInfo(&ids);
	for (i = 0; i < n; i++)
	{
		items[i] = bcd_item_pop(lane, stage);
		Assert(items[i]->store_id > 0);
		appendStringInfo(&ids, "%s" INT64_FORMAT, i ? "," : "", items[i]->store_id);
	}
	job = bcd_job_create(lane, stage, method, psprintf("%s%s%s", path, ids.data, rest), NULL);
	job->read = bcd_reply_read;
	for (i = 0; i < n; i++)
		bcd_job_take(job, items[i]);
	return job;
}

static BcdJob *
remove_job(BcdLane *lane)
{
	const BcdEndpoint *endpoint = &lane->feed->resource->remove;
	int			n = group_size(lane, BCD_REMOVE);
	BcdItem    *item;
	BcdJob	   *job;

	if (n == 0)
		return NULL;
	if (strstr(endpoint->path, "{id}") == NULL)
		return ids_job(lane, BCD_REMOVE, endpoint->method, endpoint->path, n, "");
	item = bcd_item_pop(lane, BCD_REMOVE);
	job = bcd_job_create(lane, BCD_REMOVE, endpoint->method,
						 path_with_id(endpoint->path, item->store_id), NULL);
	job->read = bcd_reply_read;
	bcd_job_take(job, item);
	return job;
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
 * Rows that are gone come last, when the others have found their records,
 * those of other feeds of the resource, too; or when there is no room for any
 * others.  Makes no request.
 */
static BcdJob *
recheck_job(BcdLane *lane)
{
	BcdLane    *heir = bcd_lane_heir(lane);
	BcdJob	   *job;

	if (lane->queued[BCD_RECHECK] == 0 || !is_idle(lane, BCD_LOOKUP) || !is_idle(lane, BCD_READ) ||
		(!lane->exhausted && bcd_lane_has_room(lane)))
		return NULL;
	if (rechecks_last(lane) && !(is_idle(lane, BCD_UPDATE) && is_idle(lane, BCD_CREATE)))
		return NULL;
	while (heir && !lane->in_turns && lane->exhausted && lane->queued[BCD_RECHECK] > 0 &&
		   heir->items < BCD_LANE_ITEMS / 2)
		bcd_item_hand_over(lane, heir, bcd_item_pop(lane, BCD_RECHECK), BCD_RECHECK);
	if (lane->queued[BCD_RECHECK] == 0)
		return NULL;
	job = bcd_job_create(lane, BCD_RECHECK, NULL, NULL, NULL);
	job->read = read_recheck;
	while (job->nitems < BCD_PAGE_LIMIT && lane->queued[BCD_RECHECK] > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_RECHECK));
	return job;
}

static BcdJob *
read_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	int			n = group_size(lane, BCD_READ);
	StringInfoData rest;

	if (n == 0)
		return NULL;
	initStringInfo(&rest);
	bcd_append_fields(&rest, lane, BCD_READ);
	return ids_job(lane, BCD_READ, "GET", psprintf("%s?%s=", r->list_path, r->list_ids),
				   n, rest.data);
}

static void
read_nothing(BcdJob *job, const cJSON *reply)
{
}

/*
 * A store that fails again and again is asked for the time, so that no row
 * loses its attempts to it.  Any answer will do.
 */
static BcdJob *
probe_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_READ, "GET", "/v2/time", NULL);

	job->read = read_nothing;
	job->probe = true;
	lane->extra = job;
	return job;
}

static BcdJob *
next_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdJob	   *job = NULL;

	if (bcd_quota_failing(&lane->run->store->quota))
		return lane->extra == NULL && (lane->items > 0 || bcd_lane_asks(lane)) ?
			probe_job(lane) : NULL;
	if (lane->extra == NULL && bcd_endpoint_is_free(lane, BCD_READ))
	{
		if (bcd_lane_asks(lane))
			job = lane->run->kind->plan(lane->run, lane);
		if (job == NULL)
			job = bcd_plan_lookup(lane);
		if (job && job->nitems == 0)
			lane->extra = job;
	}
	if (job == NULL)
		job = read_job(lane);
	if (job == NULL)
		job = bcd_plan_turn(lane);
	if (job == NULL)
		job = recheck_job(lane);
	if (job == NULL)
		job = write_job(lane, BCD_UPDATE, &r->update, append_update);
	if (job == NULL)
		job = write_job(lane, BCD_CREATE, &r->create, append_create);
	if (job == NULL)
		job = remove_job(lane);
	return job;
}

/*
 * The next request of a lane, or NULL when there is nothing to send yet.
 * The caller is in a short-lived memory context.
 */
BcdJob *
bcd_plan_next(BcdLane *lane)
{
	BcdJob	   *job = next_job(lane);

	if (job == NULL && lane->in_flight == 0 && !bcd_lane_has_room(lane))
	{
		/* large items have left no room for as many as make a batch */
		lane->cramped = true;
		job = next_job(lane);
		lane->cramped = false;
	}
	return job;
}
