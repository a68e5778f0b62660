/*
 * nested.c
 *		Elements that are written by updates of their records, if the store keeps
 *		those that an update does not have.
 *
 * Elements of a collection have requests of their own, one for each.  An update
 * of ten records can have those of all ten, if the store is known to keep the
 * elements that it lacks, which may be anybody's: nested_ask.c finds out.
 * Meanwhile, changes of other records wait at their gates.
 *
 * If the store is found to lose elements later, the answer is changed, and the
 * elements of the row are made again.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/nested.h"
#include "engine/stage.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/learned.h"

/* So many changes make a question worth its calls */
#define WORTH_ASKING	10

static uint32
bit_of(BcdStage stage)
{
	return (uint32) 1 << bcd_stage_nth_facet(stage);
}

static const BcdFacet *
facet_of(const BcdItem *item, BcdStage stage)
{
	return &item->lane->feed->resource->facets[bcd_stage_nth_facet(stage)];
}

/* Do the requests of a stage write elements that could be written together? */
static bool
is_single(const BcdLane *lane, BcdStage stage)
{
	const BcdFacet *facet = &lane->gates->resource->facets[bcd_stage_nth_facet(stage)];
	const BcdAction *action = lane->gates->gate[stage].action;

	return facet->together.endpoint && (action == &facet->create || action == &facet->update);
}

static BcdItem *
first_of(BcdLane *lane, BcdStage stage)
{
	return dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue);
}

/* Settles a job of items whose elements are written with their records. */
static void
read_together(BcdJob *job, const cJSON *reply)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		List	   *tasks = bcd_tasks_together_with(item->tasks, facet_of(item, job->stage));

		bcd_decide_stage(item, bcd_stage_of(linitial(tasks)));
		item->decision.has_tasks = true;
		item->decision.tasks = tasks;
		item->decision.group = bcd_item_group(item->lane, item->attempts);
		MemoryContextSwitchTo(old);
	}
}

/* Settles a job of the item that is to ask. */
static void
read_asking(BcdJob *job, const cJSON *reply)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &job->items);

	bcd_decide_stage(item, BCD_READ);
	item->decision.asking = BCD_ASKS_READ;
	/* it waits for no others */
	item->decision.group = 1;
}

/* Has a row nothing special to do, and an element to be changed? */
static bool
can_ask(const BcdItem *item, BcdStage stage)
{
	const BcdFacet *facet = facet_of(item, stage);
	ListCell   *lc;

	if ((item->lane->feed->asks & bit_of(stage)) == 0 || item->purpose != BCD_PURPOSE_ROW || item->final_decision || item->aside || item->unsure ||
		item->wanted == NULL)
		return false;
	foreach(lc, item->tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (task->action == &facet->update && task->was && task->is)
			return true;
	}
	return false;
}

/* Has one of the feeds at the gates the answer? */
static bool
is_answered(const BcdLane *lane, BcdStage stage)
{
	const BcdRun *run = lane->run;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == lane->gates && run->lanes[i]->feed->together & bit_of(stage))
			return true;
	return false;
}

/*
 * Returns the item of a queue that asks the store, or NULL.  Its request has no
 * others.
 */
static BcdItem *
item_to_ask(BcdLane *lane, BcdStage stage)
{
	BcdGates   *gates = lane->gates;
	dlist_iter	iter;

	if (gates->asking || gates->unclear >= BCD_MOST_UNCLEAR || !lane->run->kind->claims || gates->gate[stage].queued < WORTH_ASKING ||
		is_answered(lane, stage))
		return NULL;
	dlist_foreach(iter, &gates->gate[stage].queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (can_ask(item, stage))
			return item;
	}
	return NULL;
}

/*
 * Returns a job, without a request, for items that wait to write elements one
 * by one: those that can write them with their records, or one that asks whether
 * they can.  NULL: there are none.
 */
BcdJob *
bcd_plan_nested(BcdLane *lane, BcdStage stage)
{
	BcdGate    *gate = &lane->gates->gate[stage];
	BcdItem    *asks;
	BcdJob	   *job;

	if (!is_single(lane, stage))
		return NULL;
	if (first_of(lane, stage)->lane->feed->together & bit_of(stage))
	{
		job = bcd_job_create(lane, stage, NULL, NULL, NULL);
		job->read = read_together;
		while (gate->queued > 0 && job->nitems < BCD_PAGE_LIMIT && first_of(lane, stage)->lane->feed->together & bit_of(stage))
			bcd_job_take(job, bcd_item_pop(lane, stage));
		return job;
	}
	asks = item_to_ask(lane, stage);
	if (asks == NULL)
		return NULL;
	dlist_delete(&asks->node);
	gate->queued--;
	job = bcd_job_create(lane, stage, NULL, NULL, NULL);
	job->read = read_asking;
	bcd_job_take(job, asks);
	lane->gates->asking = asks;
	return job;
}

/* Do the items of a stage wait for what another one asks? */
bool
bcd_nested_waits(const BcdLane *lane, BcdStage stage)
{
	return lane->gates->asking && is_single(lane, stage);
}

/* Returns the element of a reply with an id, or NULL. */
const cJSON *
bcd_element_with_id(const cJSON *elements, const char *id)
{
	const cJSON *element;
	int64		other;

	cJSON_ArrayForEach(element, elements)
	{
		if (id && bcd_json_id(element, BCD_ELEMENT_ID, &other) && strcmp(id, psprintf(INT64_FORMAT, other)) == 0)
			return element;
	}
	return NULL;
}

/* The facet, of those of a resource, that an item's next task is about */
const BcdFacet *
bcd_asked_facet(const BcdItem *item)
{
	const BcdFacet *facet = item->tasks ? ((BcdTask *) linitial(item->tasks))->facet : NULL;

	return facet && facet->together.endpoint ? facet : NULL;
}

/* Decides what the store's answer is. */
void
bcd_decide_answer(BcdItem *item, const BcdFacet *facet, bool keeps)
{
	const BcdFeed *feed = item->lane->feed;

	item->decision.answered = true;
	item->decision.keeps = keeps;
	bcd_learned_note(feed->server_store, feed->resource->name, facet->collection, keeps);
}

static int
count(Jsonb *collection)
{
	return collection ? JB_ROOT_COUNT(collection) : 0;
}

/* Does the reply to such an update have an item's record?  Then it is accepted. */
bool
bcd_nested_is_named(const BcdJob *job, const BcdItem *item, const cJSON *data)
{
	return bcd_stage_is_together(job->lane->feed->resource, job->stage) && bcd_record_with_elements(item, data);
}

/*
 * Elements were written by an update of their record.  If the reply shows that
 * the store has lost others of ours, or not done what it was to do, that is the
 * answer, and the record is read, which shows what has to be done again.
 */
void
bcd_nested_check(BcdItem *item, const cJSON *data)
{
	const BcdFacet *facet = bcd_asked_facet(item);
	const cJSON *elements = facet ? bcd_elements_with_record(item, data) : NULL;
	Jsonb	   *known;
	bool		kept;
	int			i;

	if (facet == NULL || !cJSON_IsArray(elements) || item->asking != BCD_ASKS_NOTHING)
		return;
	known = bcd_collection_of(item->known, facet->collection);
	kept = bcd_element_in_reply(item, data);
	for (i = 0; kept && i < count(known); i++)
	{
		const char *id = bcd_element_id(JsonbValueToJsonb(getIthJsonbValueFromContainer(&known->root, i)));

		kept = id == NULL || bcd_element_with_id(elements, id);
	}
	if (kept)
		return;
	bcd_decide_answer(item, facet, false);
	bcd_decide_stage(item, BCD_READ);
}

/* Called after the commit, before the items move: uses the answer of the store. */
void
bcd_nested_learn(BcdJob *job)
{
	BcdRun	   *run = job->run;
	dlist_iter	iter;
	int			i;

	dlist_foreach(iter, &job->items)
	{
		const BcdItem *item = dlist_container(BcdItem, node, iter.cur);
		const BcdFacet *facet = item->decision.answered ? bcd_asked_facet(item) : NULL;
		uint32		bit;

		if (facet == NULL)
			continue;
		bit = (uint32) 1 << (facet - item->lane->feed->resource->facets);
		for (i = 0; i < run->nlanes; i++)
		{
			BcdFeed    *feed = run->lanes[i]->feed;

			if (feed->resource != item->lane->feed->resource)
				continue;
			if (item->decision.keeps && feed->asks & bit)
				feed->together |= bit;
			else if (!item->decision.keeps)
				feed->together &= ~bit;
			feed->asks &= ~bit;
		}
	}
}
