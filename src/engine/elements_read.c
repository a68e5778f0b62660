/*
 * elements_read.c
 *		Reads collections that records do not show.
 *
 * Some records below a record have lists of their own, which cannot be included
 * in that of the records: metafields.  An item whose record was read comes here
 * if its feed maps such a collection.  When all pages of the list are read, what
 * they have of the record is added to it as if it had shown that, and the item
 * is decided on.
 *
 * A list is for all items that wait, since it cannot be limited to their
 * records.  If the items are few, each of them has a list of its own instead.
 * A run that changes nothing keeps the list for the items that follow.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/list_kept.h"
#include "feed/feed.h"
#include "payload/url.h"
#include "resource/resource.h"
#include "store/paging.h"

/* Items that are read alone rather than in the list of all elements */
#define FEW		5

/* The list in which the elements of the items at the head of the queue are */
typedef struct BcdElementList
{
	char	   *url;			/* without the page */
	int			page;			/* the next one */
	BcdPaging	paging;
} BcdElementList;

/*
 * What an item's record was read to have, and what the pages so far have of its
 * elements, as JSON
 */
typedef struct BcdShown
{
	char	   *record;
	char	   *elements;
} BcdShown;

static void
decide_shown(BcdItem *item, const char *record, const char *elements)
{
	BcdShown   *shown = MemoryContextAlloc(item->cxt, sizeof(BcdShown));

	bcd_decide_stage(item, BCD_BELOW);
	shown->record = item->shown ? item->shown->record : MemoryContextStrdup(item->cxt, record);
	shown->elements = MemoryContextStrdup(item->cxt, elements);
	item->decision.shown = shown;
}

/* The facet of a resource whose elements have a list of their own, or NULL. */
static const BcdFacet *
facet_of(const BcdResource *r)
{
	int			i;

	for (i = 1; i < r->nfacets; i++)
		if (r->facets[i].list.endpoint)
			return &r->facets[i];
	return NULL;
}

/* Does an item need elements that its record does not show, and are they not known? */
bool
bcd_elements_are_due(const BcdItem *item)
{
	const BcdFacet *facet = facet_of(item->lane->feed->resource);

	return facet && item->wanted && item->shown == NULL && bcd_feed_maps(item->lane->feed, facet->collection);
}

/* Returns the text of an object or element, to be freed by cJSON_free(). */
static char *
printed(const cJSON *json)
{
	char	   *text = cJSON_PrintUnformatted(json);

	if (text == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return text;
}

/*
 * The record of an item was read.  Decides that its elements are read first.
 * False, and nothing is decided: it needs none.
 */
bool
bcd_read_elements_first(BcdItem *item, const cJSON *record)
{
	char	   *text;

	if (record == NULL || !bcd_elements_are_due(item))
		return false;
	text = printed(record);
	decide_shown(item, text, "");
	cJSON_free(text);
	return true;
}

/* The member of an element that has the id of its record. */
static const char *
parent_member(const BcdFacet *facet)
{
	const BcdMember *member = facet->create.members;

	while (member->from != BCD_FROM_PARENT)
		member++;
	return member->name;
}

/* An item, and what a page has of its elements */
typedef struct Found
{
	BcdItem    *item;
	StringInfoData elements;
} Found;

static int
compare_found(const void *a, const void *b)
{
	int64		x = ((const Found *) a)->item->store_id;
	int64		y = ((const Found *) b)->item->store_id;

	return x < y ? -1 : x > y;
}

static Found *
items_of(BcdJob *job)
{
	const BcdElementList *list = job->lane->gates->elements;
	Found	   *found = palloc(sizeof(Found) * job->nitems);
	int			n = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		found[n].item = dlist_container(BcdItem, node, iter.cur);
		initStringInfo(&found[n].elements);
		/* what an earlier list had, which ended early, does not count */
		if (list->page > 1)
			appendStringInfoString(&found[n].elements, found[n].item->shown->elements);
		n++;
	}
	qsort(found, n, sizeof(Found), compare_found);
	return found;
}

static void
add_elements(Found *found, int n, const cJSON *data, const char *parent)
{
	const cJSON *element;

	cJSON_ArrayForEach(element, data)
	{
		BcdItem		wanted;
		Found		key = {&wanted};
		Found	   *of;
		char	   *text;

		if (!bcd_json_field_int64(element, parent, &wanted.store_id) ||
			(of = bsearch(&key, found, n, sizeof(Found), compare_found)) == NULL)
			continue;
		text = printed(element);
		/* several items may have found the same record */
		while (of > found && compare_found(of - 1, &key) == 0)
			of--;
		for (; of < found + n && compare_found(of, &key) == 0; of++)
			appendStringInfo(&of->elements, "%s%s", of->elements.len > 0 ? "," : "", text);
		cJSON_free(text);
	}
}

/* All elements of an item are known: decides as if its record had shown them. */
static void
decide_with(BcdJob *job, Found *found)
{
	const BcdFacet *facet = facet_of(job->lane->feed->resource);
	cJSON	   *record = cJSON_Parse(found->item->shown->record);
	cJSON	   *elements = cJSON_Parse(psprintf("[%s]", found->elements.data));

	Assert(facet);
	if (record == NULL || elements == NULL)
	{
		cJSON_Delete(record);
		cJSON_Delete(elements);
		elog(ERROR, "the %s of record " INT64_FORMAT " cannot be read", facet->collection, found->item->store_id);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(record, facet->collection);
	cJSON_AddItemToObject(record, facet->collection, elements);
	PG_TRY();
	{
		job->run->kind->decide_read(found->item, record);
	}
	PG_CATCH();
	{
		cJSON_Delete(record);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cJSON_Delete(record);
}

static void
next_page(BcdJob *job)
{
	BcdElementList *list = job->lane->gates->elements;

	bcd_kept_add(job, list->url, list->page, bcd_page_is_last(&job->page, list->page, bcd_batch_limit(job->lane, BCD_BELOW)));
	list->page++;
	bcd_page_taken(&list->paging, &job->page);
}

/*
 * Reads a page.  If the list has changed since its first page, elements may have
 * been missed.
 */
static void
read_page(BcdJob *job, const cJSON *reply)
{
	const BcdElementList *list = job->lane->gates->elements;
	const BcdFacet *facet = facet_of(job->lane->feed->resource);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	Found	   *found;
	char		why[256];
	int			i;

	bcd_page_read(&job->page, reply, "id");
	if (!bcd_page_moves_on(&list->paging, &job->page, -1, why, sizeof(why)))
	{
		job->doubt = pstrdup(why);
		return;
	}
	if (list->page > 1 && job->page.total != list->paging.total)
	{
		job->doubt = "the store's list changed while it was read";
		return;
	}
	found = items_of(job);
	add_elements(found, job->nitems, data, parent_member(facet));
	for (i = 0; i < job->nitems; i++)
	{
		BcdItem    *item = found[i].item;

		if (bcd_page_is_last(&job->page, list->page, bcd_batch_limit(job->lane, BCD_BELOW)))
		{
			decide_with(job, &found[i]);
			continue;
		}
		if (list->page == 1 || found[i].elements.len > (int) strlen(item->shown->elements))
			decide_shown(item, NULL, found[i].elements.data);
		else
			bcd_decide_stage(item, BCD_BELOW);
		item->decision.sweeps = true;
	}
	job->taken = next_page;
}

static void
read_kept_page(BcdJob *job, const cJSON *data, bool is_last, void *arg)
{
	Found	   *found = arg;
	int			i;

	add_elements(found, job->nitems, data, parent_member(facet_of(job->lane->feed->resource)));
	for (i = 0; is_last && i < job->nitems; i++)
		decide_with(job, &found[i]);
}

static void
read_kept(BcdJob *job, const cJSON *reply)
{
	bcd_kept_read(job, read_kept_page, items_of(job));
}

/* Returns a job for all items of the queue that needs no request. */
static BcdJob *
kept_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_BELOW, NULL, NULL, NULL);

	job->read = read_kept;
	while (lane->gates->gate[BCD_BELOW].queued > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_BELOW));
	return job;
}

/* Returns a request for the next page, for the first n items of the queue. */
static BcdJob *
page_job(BcdLane *lane, int n)
{
	const BcdElementList *list = lane->gates->elements;
	BcdJob	   *job = bcd_job_create(lane, BCD_BELOW, "GET",
									 psprintf("%s?limit=%d&page=%d", list->url, bcd_batch_limit(lane, BCD_BELOW), list->page), NULL);

	job->read = read_page;
	while (n-- > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_BELOW));
	return job;
}

/* A BcdUrlValue: the path of the elements of one record has its id alone. */
static char *
record_value(const char *name, int nth, const void *store_id)
{
	return psprintf(INT64_FORMAT, *(const int64 *) store_id);
}

/* Begins a list: of all elements, or of those of one record (0: of all). */
static void
begin(BcdLane *lane, int64 store_id)
{
	const BcdFacet *facet = facet_of(lane->feed->resource);
	BcdGates   *gates = lane->gates;
	StringInfoData url;

	initStringInfo(&url);
	if (store_id != 0)
		bcd_url_append(&url, facet->list_one.endpoint->path, NULL, 1, record_value, &store_id);
	else
		appendStringInfoString(&url, facet->list.endpoint->path);
	if (gates->elements == NULL)
		gates->elements = MemoryContextAllocZero(gates->cxt, sizeof(BcdElementList));
	else
		pfree(gates->elements->url);
	memset(gates->elements, 0, sizeof(BcdElementList));
	gates->elements->url = MemoryContextStrdup(gates->cxt, url.data);
	gates->elements->page = 1;
	if (store_id == 0)
		bcd_kept_begin(lane, gates->elements->url);
}

/* Will more items come soon? */
static bool
may_fill(const BcdLane *lane)
{
	const BcdGates *gates = lane->gates;

	return !gates->send_partial && bcd_lane_has_room(lane) &&
		(!lane->exhausted || gates->gate[BCD_READ].queued + gates->gate[BCD_READ].flying +
		 gates->gate[BCD_LOOKUP].queued + gates->gate[BCD_LOOKUP].flying > 0);
}

/* Returns the next request for elements, or NULL. */
BcdJob *
bcd_plan_elements(BcdLane *lane)
{
	BcdGate    *gate = &lane->gates->gate[BCD_BELOW];
	int			n;

	if (gate->queued == 0 || gate->flying > 0)
		return NULL;
	n = bcd_items_swept(gate);
	if (n > 0)
		return page_job(lane, n);
	if (may_fill(lane))
		return NULL;
	if (bcd_kept_has(lane, facet_of(lane->feed->resource)->list.endpoint->path))
		return kept_job(lane);
	if (gate->queued <= FEW && facet_of(lane->feed->resource)->list_one.endpoint)
	{
		begin(lane, dlist_head_element(BcdItem, node, &gate->queue)->store_id);
		return page_job(lane, 1);
	}
	begin(lane, 0);
	return page_job(lane, gate->queued);
}
