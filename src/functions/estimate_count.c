/*
 * estimate_count.c
 *		What rows take, in records and requests.
 *
 * Each row adds to the endpoints that it needs.  Batches are full, but for the
 * last one of an endpoint.
 */
#include "postgres.h"

#include <math.h>

#include "engine/stage.h"
#include "feed/policy.h"
#include "functions/estimate_count.h"
#include "payload/task.h"
#include "resource/resource.h"

/* What a row needs if it is not found in the store, and if it is */
typedef enum Case
{
	IF_MISSING = 1,
	IF_FOUND = 2,
	ALWAYS = 3
} Case;

static void
use(BcdEstimate *e, const BcdEndpoint *endpoint, int batch, double records, Case which)
{
	int			i;

	if (endpoint == NULL)
		return;
	for (i = 0; i < e->nuses && (e->uses[i].endpoint != endpoint || e->uses[i].batch != batch); i++)
		;
	if (i == BCD_MAX_USES)
		return;
	if (i == e->nuses)
	{
		BcdUse		fresh = {endpoint, Max(batch, 1)};

		e->uses[e->nuses++] = fresh;
	}
	if (which & IF_MISSING)
		e->uses[i].records += records;
	if (which & IF_FOUND)
		e->uses[i].found += records;
}

/* Returns the most records that the feed sends to an endpoint at a time. */
static int
batch_of(const BcdFeed *feed, const BcdEndpoint *endpoint, bool of_record)
{
	int64		wanted = feed->options.batch_size;

	if (of_record && wanted > 0 && (wanted < endpoint->batch || endpoint->assumed))
		return (int) Min(wanted, BCD_PAGE_LIMIT);
	return endpoint->batch;
}

static void
use_stage(BcdEstimate *e, const BcdFeed *feed, BcdStage stage, double weight, Case which)
{
	const BcdEndpoint *endpoint = bcd_stage_endpoint(feed->resource, stage);

	if (endpoint)
		use(e, endpoint, batch_of(feed, endpoint, true), weight, which);
}

/* A new record is looked for first, by its nth natural key; returns whether it is. */
static bool
use_lookup(BcdEstimate *e, const BcdFeed *feed, int nth, double weight)
{
	const BcdResource *r = feed->resource;

	if (r->id == NULL || r->upserts || r->guarded || r->keys == NULL)
		return false;
	if (r->small)
		;						/* in their list: see look_at_rows() */
	else if (r->keys[nth].many.endpoint)
		use(e, r->keys[nth].many.endpoint, r->keys[nth].many.endpoint->batch, weight, ALWAYS);
	else
		use(e, r->keys[nth].one.endpoint, 1, weight, ALWAYS);
	e->sought += weight;
	use_stage(e, feed, BCD_UPDATE, weight, IF_FOUND);
	return true;
}

/* Counts a row of which only the link is known, and the rows that it stands for. */
void
bcd_estimate_add_unread(BcdEstimate *e, const BcdFeed *feed, bool linked, double weight)
{
	Case		which = ALWAYS;

	*(linked ? &e->updates : &e->creates) += weight;
	linked |= feed->resource->id == NULL;
	if (!linked && use_lookup(e, feed, 0, weight))
		which = IF_MISSING;
	use_stage(e, feed, linked ? BCD_UPDATE : BCD_CREATE, weight, which);
}

/* Do rows that wait for a feed's rows join the requests that create those? */
static bool
joins(const BcdFeed *feed, const char *other)
{
	BcdFeed    *parent = bcd_feed_load(other, true);
	bool		joins = false;
	int			i;

	for (i = 1; parent && i < parent->resource->nfacets; i++)
		joins |= parent->resource->facets[i].rows && strcmp(parent->resource->facets[i].rows, feed->resource->name) == 0;
	if (parent)
		bcd_feed_free(parent);
	return joins;
}

/*
 * Counts a row that waits for another one.  A push of all feeds writes it once
 * that row is there, or with it, and then only looks it up.
 */
static void
add_waiting(BcdEstimate *e, const BcdFeed *feed, const BcdPreview *p, double weight)
{
	if (e->alone && p->waits_feed && strcmp(p->waits_feed, feed->name) != 0)
		return;
	if (p->linked || p->waits_feed == NULL || !joins(feed, p->waits_feed))
	{
		bcd_estimate_add_unread(e, feed, p->linked, weight);
		return;
	}
	e->creates += weight;
	use(e, feed->resource->keys->many.endpoint, BCD_PAGE_LIMIT, weight, ALWAYS);
}

/* Counts a row, and the rows that it stands for. */
void
bcd_estimate_add_row(BcdEstimate *e, const BcdFeed *feed, const BcdPreview *p, double weight)
{
	Case		which = ALWAYS;
	const BcdAction *before = NULL;

	/* the update of the record does these, too */
	const BcdAction *along = bcd_tasks_riders(p->tasks) > 0 ? ((BcdTask *) lsecond(p->tasks))->action : NULL;
	ListCell   *lc;

	if (strcmp(p->action, "deferred") == 0)
	{
		add_waiting(e, feed, p, weight);
		return;
	}
	if (strcmp(p->action, "create") == 0)
	{
		e->creates += weight;
		if (use_lookup(e, feed, p->nth_key, weight))
			which = IF_MISSING;
	}
	else if (strcmp(p->action, "update") == 0)
	{
		e->updates += weight;
		if (feed->on_conflict != BCD_POLICY_SOURCE || (feed->policies && JB_ROOT_COUNT(feed->policies) > 0))
			use(e, feed->resource->view.endpoint, feed->resource->view.endpoint ? feed->resource->view.endpoint->batch : 1, weight, ALWAYS);
	}
	else if (strcmp(p->action, "delete") == 0 || strcmp(p->action, "hide") == 0)
		e->deletes += weight;
	foreach(lc, p->tasks)
	{
		const BcdTask *task = lfirst(lc);
		const BcdAction *action = feed->options.creates_singly ? task->action : bcd_action_for_many(task->action, task->fields);
		bool		together = action == &task->facet->together;

		/* a request has all of those of a record, for so many records */
		if (together && (action == before || action == along))
			continue;
		before = action;
		if (together)
		{
			use(e, action->endpoint, action->endpoint->parents, weight, which);
			continue;
		}
		use(e, action->endpoint, batch_of(feed, action->endpoint, task->facet == feed->resource->facets), weight, which);
	}
}

/* Of the rows that were chosen, only some were looked at: they stand for all. */
void
bcd_estimate_scale(BcdEstimate *e, const BcdEstimate *before, double factor)
{
	int			i;

	e->creates = before->creates + (e->creates - before->creates) * factor;
	e->updates = before->updates + (e->updates - before->updates) * factor;
	e->deletes = before->deletes + (e->deletes - before->deletes) * factor;
	for (i = 0; i < e->nuses; i++)
	{
		BcdUse		was = {0};

		if (i < before->nuses)
			was = before->uses[i];
		e->uses[i].records = was.records + (e->uses[i].records - was.records) * factor;
		e->uses[i].found = was.found + (e->uses[i].found - was.found) * factor;
	}
	e->sought = before->sought + (e->sought - before->sought) * factor;
}

/* Returns the requests, if none of the new records is in the store, or if all are. */
double
bcd_estimate_calls(const BcdEstimate *e, bool all_found)
{
	double		calls = e->others + (all_found ? 0 : e->made);
	int			i;

	for (i = 0; i < e->nuses; i++)
		calls += ceil((all_found ? e->uses[i].found : e->uses[i].records) / e->uses[i].batch);
	return calls;
}
