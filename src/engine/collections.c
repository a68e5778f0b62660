/*
 * collections.c
 *		Collections of records below a record: what is known of them.
 *
 * Each element that has to be added, changed or removed is a separate task.
 * The tasks of a row are done one after another, or several in one request
 * where the endpoint takes them, and after each request the link is updated with the current elements and their ids.  If the contents
 * are not certain, because a reply was lost or the record was found by a
 * look-up, they are read before anything is sent: an element that is sent
 * twice may then exist twice.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/shown.h"
#include "engine/stage.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/collection.h"
#include "payload/element_first.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

static const BcdFacet *
facet_of(const BcdResource *resource, BcdStage stage)
{
	return &resource->facets[bcd_stage_nth_facet(stage)];
}

/* The elements of the collection of a facet */
static const BcdRecords *
records_of(const BcdResource *resource, const BcdFacet *facet)
{
	return bcd_resource_field(resource, facet->collection)->records;
}

/* Do the requests of a stage write elements of a collection? */
bool
bcd_stage_is_collection(const BcdResource *resource, BcdStage stage)
{
	return BCD_IS_FACET(stage) && facet_of(resource, stage)->collection;
}

/* Does an item's record have to be read before it is known what it needs? */
bool
bcd_item_must_read(const BcdItem *item)
{
	BcdItemRecord record = bcd_record_after(item);
	BcdTaskRow	row;

	bcd_feed_subject(item->lane->feed, item->wanted, record.store_id, record.known, &row);
	return bcd_tasks_unread(&row) != NULL;
}

/* Are records that a feed at the gates has created read before it goes on? */
bool
bcd_reads_created(const BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	int			nth;
	int			i;

	for (nth = 1; nth < r->nfacets; nth++)
		for (i = 0; r->facets[nth].collection && records_of(r, &r->facets[nth])->bare && i < lane->run->nlanes; i++)
			if (lane->run->lanes[i]->gates == lane->gates && bcd_feed_maps(lane->run->lanes[i]->feed, r->facets[nth].collection))
				return true;
	return false;
}

/* Returns a payload with the collections of another one, and no others. */
Jsonb *
bcd_with_collections(const BcdResource *resource, Jsonb *payload, Jsonb *from)
{
	uint32		some = bcd_collections_in(resource, payload) | bcd_collections_in(resource, from);
	int			i;

	for (i = 1; some != 0 && i < resource->nfacets; i++)
	{
		const char *name = resource->facets[i].collection;

		if (some & (uint32) 1 << i)
			payload = bcd_payload_set_collection(payload, name, bcd_collection_of(from, name));
	}
	return payload;
}

/*
 * The record was read.  Adds what is known of the mapped collections; those
 * missing from the reply are as they were.
 */
Jsonb *
bcd_collections_read(const BcdItem *item, Jsonb *known, const cJSON *record)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdResource *r = feed->resource;
	Jsonb	   *before = NULL;
	int			i;

	for (i = 1; i < r->nfacets; i++)
	{
		const char *name = r->facets[i].collection;
		const cJSON *got = name ? cJSON_GetObjectItemCaseSensitive(record, name) : NULL;

		if (name == NULL || !bcd_feed_maps(feed, name))
			continue;
		if (before == NULL)
			before = bcd_payload_merge(item->remembered, item->known);
		if (cJSON_IsArray(got) || cJSON_IsNull(got))
			known = bcd_payload_set_collection(known, name,
											   bcd_collection_read(records_of(r, &r->facets[i]),
																   bcd_collection_of(item->wanted, name),
																   bcd_collection_of(before, name),
																   !bcd_payload_has(item->known, name),
																   cJSON_IsArray(got) ? got : NULL));
		else
			known = bcd_payload_set_collection(known, name, bcd_collection_of(item->known, name));
	}
	return known;
}

static Jsonb *
empty_collection(void)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * The record was created.  Collections that its request contained exist, with
 * the ids in the reply; others are empty.
 */
Jsonb *
bcd_known_created(const BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known = item->wanted;
	int			i;

	for (i = 1; i < r->nfacets; i++)
	{
		const BcdFacet *facet = &r->facets[i];
		Jsonb	   *wanted = facet->collection ? bcd_collection_of(item->wanted, facet->collection) : NULL;

		if (wanted == NULL)
			continue;
		/* it has to be read: the store may have added elements */
		if (records_of(r, facet)->bare)
		{
			known = bcd_payload_set_collection(known, facet->collection, NULL);
			continue;
		}
		wanted = bcd_payload_has(item->body, facet->collection) ? bcd_collection_created(records_of(r, facet), wanted,
																						 cJSON_GetObjectItemCaseSensitive(record, facet->collection)) :
			empty_collection();
		known = bcd_payload_set_collection(known, facet->collection, wanted);
	}
	return bcd_with_shown(item, known, record);
}

static const BcdTask *
first_task(const BcdItem *item)
{
	return linitial(item->tasks);
}

/* The mapped collections in the body of a new record; NULL: there are none. */
Jsonb *
bcd_nested_of(const BcdItem *item, Jsonb *body)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *nested = NULL;
	int			i;

	for (i = 1; i < r->nfacets && body; i++)
		if (r->facets[i].collection && bcd_payload_has(body, r->facets[i].collection) &&
			bcd_feed_maps(item->lane->feed, r->facets[i].collection))
			nested = bcd_payload_set_collection(nested, r->facets[i].collection, bcd_collection_of(body, r->facets[i].collection));
	return nested;
}

/* Does the body of a new record contain elements of collections? */
bool
bcd_body_is_nested(const BcdItem *item, Jsonb *body)
{
	const BcdResource *r = item->lane->feed->resource;
	int			i;

	for (i = 1; i < r->nfacets && !item->apart && body; i++)
	{
		Jsonb	   *nested = r->facets[i].collection ? bcd_collection_of(body, r->facets[i].collection) : NULL;

		if (nested && JB_ROOT_COUNT(nested) > 0)
			return true;
	}
	return false;
}

/*
 * Returns how many of an item's tasks a request of a stage can do, if it has
 * room: elements of a collection, one by one or together.
 */
int
bcd_tasks_together(const BcdItem *item, BcdStage stage)
{
	ListCell   *lc;
	int			n = 0;

	if (!item->lane->gates->gate[stage].collection)
		return 1;
	foreach(lc, item->tasks)
	{
		if (bcd_stage_of(lfirst(lc)) != stage)
			break;
		n++;
	}
	return n;
}

/* The number of records that the request of a job writes. */
int
bcd_job_records(const BcdJob *job)
{
	dlist_iter	iter;
	int			n = 0;

	if (!bcd_stage_is_collection(job->lane->feed->resource, job->stage))
		return job->nitems;
	dlist_foreach(iter, (dlist_head *) &job->items)
		n += dlist_container(BcdItem, node, iter.cur)->sends;
	return n;
}

/*
 * A request for several elements of one record was refused: fewer are sent, so
 * that the bad one is finally alone.  False: it is.
 */
bool
bcd_split_elements(BcdJob *job)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &job->items);

	if (job->nitems != 1 || bcd_job_records(job) <= 1)
		return false;
	bcd_decide_stage(item, job->stage);
	item->decision.group = (item->sends + 1) / 2;
	return true;
}

/*
 * Does an element of a reply belong to the record of an item, as far as can be
 * seen?
 */
static bool
is_below(const BcdItem *item, const BcdTask *task, const cJSON *element)
{
	const BcdMember *member;
	int64		id;

	for (member = task->action->members; member && member->from != BCD_FROM_NOTHING; member++)
		if (member->from == BCD_FROM_PARENT &&
			bcd_json_field_int64(element, member->name, &id) && id != item->store_id)
			return false;
	return true;
}

static bool
is_of_task(const BcdItem *item, const BcdTask *task, const cJSON *element)
{
	int64		id;

	/* of what was removed, there may be only a list of ids */
	if (cJSON_IsNumber(element) ? task->is || !bcd_json_int64(element, &id) :
		!cJSON_IsObject(element) || !bcd_json_id(element, BCD_ELEMENT_ID, &id))
		return false;
	if (task->id)
		return strcmp(task->id, psprintf(INT64_FORMAT, id)) == 0;
	return is_below(item, task, element) &&
		bcd_element_is(bcd_facet_records(task->resource, task->facet), task->is, element);
}

/* Returns the element of a task that a reply has beside another one, or NULL. */
static const cJSON *
element_beside(const BcdItem *item, const BcdTask *task, const cJSON *element)
{
	while (element && element->prev && element->prev->next)
		element = element->prev;
	for (; element; element = element->next)
		if (is_of_task(item, task, element))
			return element;
	return NULL;
}

/* Returns what is known of a record after an element was written; own: in the reply, or NULL. */
static Jsonb *
known_with_element(const BcdTask *task, Jsonb *known, const cJSON *own)
{
	const BcdFacet *facet = task->facet;
	const BcdRecords *records = bcd_facet_records(task->resource, facet);
	Jsonb	   *collection = bcd_collection_of(known, facet->collection);
	Jsonb	   *element = facet->inside ? bcd_collection_find(collection, task->within) : NULL;
	int64		id;
	Jsonb	   *after;

	if (facet->inside && element == NULL)
		return known;
	after = bcd_collection_after(records, bcd_task_collection(task, known), task->was,
								 task->is && task->was == NULL ? bcd_element_written(records, task->is, own) : task->is, task->fields,
								 own && bcd_json_id(own, BCD_ELEMENT_ID, &id) ? psprintf(INT64_FORMAT, id) : NULL);
	if (element)
		after = bcd_collection_with_inside(collection, element, facet->inside, after);
	return bcd_payload_set_collection(known, facet->collection, after);
}

/*
 * Returns what is known of an item's record after elements were written, apart
 * from which this is known; element is the one in the reply, or the first of
 * them, or NULL.
 */
Jsonb *
bcd_known_with_elements(const BcdItem *item, Jsonb *known, const cJSON *element)
{
	/*
	 * an item with many elements lives as long as it takes to write each of
	 * them
	 */
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta elements", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int			i;

	for (i = 0; i < item->sends; i++)
	{
		const BcdTask *task = list_nth(item->tasks, i);

		known = known_with_element(task, known, i == 0 ? element : element_beside(item, task, element));
	}
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(known, scratch);
}

/* Returns an item's record in the reply to an update that has its elements, or NULL. */
const cJSON *
bcd_record_with_elements(const BcdItem *item, const cJSON *data)
{
	const BcdResource *r = item->lane->feed->resource;
	const cJSON *record;
	int64		id;

	cJSON_ArrayForEach(record, data)
	{
		if (bcd_json_id(record, r->id, &id) && id == item->store_id)
			return record;
	}
	return NULL;
}

/* Returns the elements of that record, or NULL. */
const cJSON *
bcd_elements_with_record(const BcdItem *item, const cJSON *data)
{
	return cJSON_GetObjectItemCaseSensitive(bcd_record_with_elements(item, data), ((BcdTask *) linitial(item->tasks))->facet->collection);
}

static const cJSON *
find_element(const BcdItem *item, const BcdTask *task, const cJSON *data)
{
	const cJSON *element;

	if (!cJSON_IsArray(data))
		return is_of_task(item, task, data) ? data : NULL;
	cJSON_ArrayForEach(element, data)
	{
		if (is_of_task(item, task, element))
			return element;
	}
	return NULL;
}

/*
 * Returns the first element of a reply that an item's tasks are about, or NULL
 * if it does not have all of them.  If it has others, it says nothing about
 * the item.
 */
const cJSON *
bcd_element_in_reply(const BcdItem *item, const cJSON *data)
{
	int			i;

	if (first_task(item)->action == &first_task(item)->facet->together)
		data = bcd_elements_with_record(item, data);
	for (i = 1; i < item->sends; i++)
		if (find_element(item, list_nth(item->tasks, i), data) == NULL)
			return NULL;
	return find_element(item, first_task(item), data);
}

/* Returns the outcome of an item's task if the store accepts it. */
BcdOutcome
bcd_element_outcome(const BcdItem *item)
{
	const BcdTask *task = first_task(item);

	return task->was == NULL ? BCD_CREATED : task->is ? BCD_UPDATED : BCD_DELETED;
}

static char *
element_words(const BcdTask *task)
{
	Jsonb	   *key = bcd_element_key(bcd_facet_records(task->resource, task->facet), task->is ? task->is : task->was);

	return JsonbToCString(NULL, &key->root, VARSIZE(key));
}

/*
 * Returns the key of the element that an item's request was for, as JSON; of
 * several, an array of them.
 */
char *
bcd_elements_words(const BcdItem *item)
{
	StringInfoData words;
	int			i;

	if (item->sends <= 1)
		return element_words(first_task(item));
	initStringInfo(&words);
	for (i = 0; i < item->sends; i++)
		appendStringInfo(&words, "%s%s", i == 0 ? "[" : ", ", element_words(list_nth(item->tasks, i)));
	appendStringInfoChar(&words, ']');
	return words.data;
}

/*
 * An element was refused: can the reason be that it no longer exists, that it
 * already exists, or that the record is gone?
 */
bool
bcd_element_may_be_there(const BcdJob *job)
{
	long		status = job->request->status;

	return status == 404 || status == 409 || status == 410 || status == 422;
}

/*
 * Returns the remaining tasks of an item after its first one was refused.
 * Sets *due if that still has to be done.  An element that is gone from the
 * store is added instead of changed.
 */
List *
bcd_tasks_after_refusal(const BcdItem *item, bool *due)
{
	const BcdTask *task = first_task(item);
	Jsonb	   *known = bcd_record_after(item).known;
	List	   *rest = list_copy_tail(item->tasks, 1);
	BcdTask    *again;

	*due = bcd_task_is_due(task, known);
	if (!*due || task->was == NULL || task->is == NULL ||
		bcd_collection_find(bcd_task_collection(task, known), task->id))
		return rest;
	again = palloc(sizeof(BcdTask));
	*again = *task;
	again->action = &task->facet->create;
	again->fields = bcd_element_at_first(bcd_facet_records(task->resource, task->facet), task->is);
	again->was = NULL;
	again->id = NULL;
	*due = false;
	return lcons(again, rest);
}
