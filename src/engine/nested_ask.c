/*
 * nested_ask.c
 *		Asks a store whether it keeps elements that the update of a record does
 *		not have.
 *
 * The vendor does not say.  So the store is asked once, by one record of which
 * an element has to be changed anyway, when so many wait that it pays:
 *
 *	the record is read		all of its elements are known now
 *	it is updated			with all elements that are to stay, as they are, and
 *							with the changed ones as new ones.  Those that have
 *							changed or have to go are left out: nobody misses
 *							them, whatever the store does.
 *	it is read again		if those that were left out are still there, and
 *							all others are as they should be, the store keeps
 *							what an update lacks
 *
 * Whatever the second read shows, the tasks that are left follow from it, as
 * after any read: elements that the store has kept are removed.  The answer is
 * in bcdelta.learned.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/nested.h"
#include "engine/nested_ask.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/verdict.h"

/* Returns an element of the store as an update repeats it, or NULL: it cannot. */
static Jsonb *
repeated(const BcdRecords *records, const cJSON *element)
{
	Jsonb	   *copy;
	int64		id;
	int			i;

	if (!bcd_json_id(element, BCD_ELEMENT_ID, &id))
		return NULL;
	copy = bcd_payload_set_integer(NULL, BCD_ELEMENT_ID, id);
	for (i = 0; i < records->nfields; i++)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(element, records->fields[i].name);

		if (value && !cJSON_IsNull(value))
			copy = bcd_payload_merge(copy, bcd_payload_from_json(records->fields[i].name, value));
		else if (records->fields[i].flags & BCD_F_REQUIRED)
			return NULL;
	}
	return copy;
}

/* The ids that tasks of a facet change or remove, as elements of a collection */
static Jsonb *
left_out(List *tasks, const BcdFacet *facet)
{
	Jsonb	   *without = NULL;
	ListCell   *lc;

	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (task->facet == facet && task->was && task->id)
			without = bcd_collection_with(without, task->was);
	}
	return without;
}

/*
 * Returns the tasks of an update that asks, and sets what it repeats and leaves
 * out in the first of them; NIL: this row cannot ask.  The other tasks follow
 * from what is read after that.
 */
static List *
asking_tasks(const BcdItem *item, const BcdFacet *facet, const cJSON *elements)
{
	const BcdRecords *records = bcd_facet_records(item->lane->feed->resource, facet);
	Jsonb	   *without = left_out(item->decision.tasks, facet);
	Jsonb	   *beside = NULL;
	List	   *tasks = NIL;
	const cJSON *element;
	ListCell   *lc;
	int			i;

	cJSON_ArrayForEach(element, elements)
	{
		Jsonb	   *copy = repeated(records, element);

		if (copy == NULL)
			return NIL;
		if (bcd_collection_find(without, bcd_element_id(copy)) == NULL)
			beside = bcd_collection_with(beside, copy);
	}
	foreach(lc, item->decision.tasks)
	{
		BcdTask    *task = palloc(sizeof(BcdTask));

		*task = *(BcdTask *) lfirst(lc);
		if (task->facet != facet || task->is == NULL || task->action == &facet->alone)
			continue;
		task->action = &facet->together;
		task->fields = task->is;
		task->was = NULL;
		task->id = NULL;
		tasks = lappend(tasks, task);
	}
	for (i = 0; without && i < JB_ROOT_COUNT(without); i++)
		if (bcd_element_with_id(elements, bcd_element_id(JsonbValueToJsonb(getIthJsonbValueFromContainer(&without->root, i)))) == NULL)
			return NIL;
	if (without == NULL || tasks == NIL)
		return NIL;
	((BcdTask *) linitial(tasks))->beside = beside;
	((BcdTask *) linitial(tasks))->without = without;
	return tasks;
}

static int
count(Jsonb *collection)
{
	return collection ? JB_ROOT_COUNT(collection) : 0;
}

/* Does a reply have all elements of a collection, by their ids? */
static bool
has_all(const cJSON *elements, Jsonb *collection)
{
	int			i;

	for (i = 0; i < count(collection); i++)
		if (bcd_element_with_id(elements, bcd_element_id(JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, i)))) == NULL)
			return false;
	return true;
}

/* Has the store kept what the update of an item lacked, and done the rest? */
static bool
has_kept(const BcdItem *item, const cJSON *elements)
{
	const BcdTask *first = linitial(item->tasks);
	const BcdRecords *records = bcd_facet_records(first->resource, first->facet);
	int			n = count(first->beside) + count(first->without);
	ListCell   *lc;

	foreach(lc, item->tasks)
	{
		const BcdTask *task = lfirst(lc);
		const cJSON *element;
		int			twins = 0;

		cJSON_ArrayForEach(element, elements)
		{
			twins += bcd_element_is(records, task->is, element);
		}
		if (twins != 1)
			return false;
		n++;
	}
	return has_all(elements, first->beside) && has_all(elements, first->without) && cJSON_GetArraySize(elements) == n;
}

/*
 * The record of an item was read, and what it needs was decided.  If it is to
 * ask the store, the decision is changed; if it has asked, the answer is read.
 */
void
bcd_nested_was_read(BcdItem *item, const cJSON *record)
{
	const BcdFacet *facet = item->asking == BCD_ASKS_NOTHING ? NULL : bcd_asked_facet(item);
	const cJSON *elements = facet ? cJSON_GetObjectItemCaseSensitive(record, facet->collection) : NULL;
	BcdDecision *d = &item->decision;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	List	   *tasks = NIL;

	if (facet && item->asking == BCD_ASKS_READ && cJSON_IsArray(elements) && !d->leaves && BCD_IS_FACET(d->next) && d->has_tasks)
		tasks = asking_tasks(item, facet, elements);
	if (tasks != NIL)
	{
		bcd_decide_stage(item, bcd_stage_of(linitial(tasks)));
		d->tasks = tasks;
		d->asking = BCD_ASKS_WRITE;
		/* less than a batch: it waits for no others */
		d->group = facet->together.endpoint->batch - 1;
	}
	else if (item->asking != BCD_ASKS_NOTHING)
	{
		if (item->asking == BCD_ASKS_CHECK && cJSON_IsArray(elements))
			bcd_decide_answer(item, facet, has_kept(item, elements));
		d->asking = BCD_ASKS_NO_MORE;
		d->group = bcd_item_group(item->lane, item->attempts);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Was a request refused with which an item asks, in part or as a whole?  Decides
 * that it is read again; then its elements are written one by one.  The row may
 * be to blame, so only a second refusal is an answer.
 */
bool
bcd_nested_refused(BcdJob *job)
{
	BcdItem    *item = job->nitems == 1 ? dlist_head_element(BcdItem, node, &job->items) : NULL;

	if (item == NULL || item->asking != BCD_ASKS_WRITE || !bcd_stage_is_together(job->lane->feed->resource, job->stage) ||
		(job->verdict != BCD_PARTIAL && job->verdict != BCD_CONFLICT && job->verdict != BCD_GONE && job->verdict != BCD_REFUSED && job->verdict != BCD_TOO_LARGE))
		return false;
	bcd_decide_stage(item, BCD_READ);
	item->decision.asking = BCD_ASKS_NO_MORE;
	if (item->lane->gates->unclear + 1 >= BCD_MOST_UNCLEAR)
		bcd_decide_answer(item, bcd_asked_facet(item), false);
	item->decision.error = bcd_reply_text(job, item);
	item->decision.group = bcd_item_group(item->lane, item->attempts);
	return true;
}
