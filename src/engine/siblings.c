/*
 * siblings.c
 *		Records that can only be listed by parent, such as the variants of
 *		products, or all together.
 *
 * Such a list may have several pages.  Items that are on none of those read so
 * far wait at the head of the queue for the next one.  There is only one such
 * list at a time at a gate.  If a request fails, the list is read again from
 * the beginning.
 *
 * A record is looked up among its siblings by its natural key, or by values
 * that must differ between siblings.
 *
 * Other records can only be read by listing all of them (whole).  Such a list
 * is for all items that wait.  If these are few, each is read alone, below its
 * parent, where the API has a list of that.  A run that changes nothing keeps
 * the list for the items that follow.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/choice_ids.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/list_kept.h"
#include "engine/lookup.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/sibling_parents.h"
#include "engine/sibling_same.h"
#include "engine/siblings.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "payload/url.h"
#include "resource/resource.h"
#include "store/paging.h"
#include "tables/link.h"
#include "tables/link_unique.h"

/* The list in which the items at the head of a queue are looked for */
typedef struct BcdSweep
{
	char	   *url;			/* without the page */
	int			page;			/* the next one */
	BcdPaging	paging;
	int			parents;
	int			items;			/* below these */
	int64		records;		/* of these, as its first page tells */
	bool		overflows;		/* it, or one before it, had more than
								 * expected */
} BcdSweep;

/* A BcdUrlValue: returns the nth parent. */
static char *
parent_value(const char *name, int nth, const void *parents)
{
	return psprintf(INT64_FORMAT, ((const BcdSiblingParents *) parents)->id[nth]);
}

/*
 * How many records of a parent does a list probably have that are of no item?
 * As many as the last one.  Once a list has taken a second page because they
 * differ, some more.  Records that are looked up may not exist, so their items say
 * nothing.
 */
static double
strangers_per_parent(const BcdSweep *last, BcdStage stage)
{
	if (last == NULL || last->records <= 0)
		return 0;
	if (stage == BCD_LOOKUP)
		return last->records / (last->overflows ? 0.95 : 1) / last->parents;
	return Max(last->records - last->items, 0) * (last->overflows ? 1.5 : 1) / last->parents;
}

static void
next_page(BcdJob *job)
{
	BcdSweep   *sweep = job->lane->gates->sweep[job->stage];

	bcd_kept_add(job, sweep->url, sweep->page, bcd_page_is_last(&job->page, sweep->page, bcd_batch_limit(job->lane, job->stage)));
	if (sweep->page++ == 1)
	{
		sweep->records = job->page.total;
		sweep->overflows |= sweep->records > bcd_batch_limit(job->lane, job->stage) && sweep->parents > 1;
	}
	bcd_page_taken(&sweep->paging, &job->page);
}

/* A page that is read */
typedef struct ListPage
{
	const cJSON *data;
	BcdPageRecords records;		/* by their ids */
} ListPage;

/*
 * Returns the record of an item, or NULL if it is not on this page; by_key is
 * set if it has the item's natural key.
 */
static const cJSON *
find_record(BcdJob *job, BcdItem *item, const ListPage *page, bool *by_key)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;
	int64		parent;

	*by_key = true;
	if (job->stage == BCD_LOOKUP && (record = bcd_record_named(lane, item, page->data)) != NULL &&
		!bcd_is_the_parent(item, record))
		return record;
	*by_key = false;
	if (job->stage == BCD_READ)
		return bcd_page_record(&page->records, item->store_id);
	cJSON_ArrayForEach(record, page->data)
	{
		if (r->same_by && item->wanted && item->lookup_reason != BCD_REASON_LOST_CREATE &&
			bcd_json_field_int64(record, r->parent, &parent) && parent == bcd_scope_of(lane, item) &&
			!bcd_payload_is_nothing(cJSON_GetObjectItemCaseSensitive(record, r->same_by)) &&
			bcd_payload_field_agrees(r, item->wanted, record, r->same_by))
			return record;
	}
	return NULL;
}

static bool
has_unnamed(const cJSON *data, const char *id_field)
{
	const cJSON *record;
	int64		id;

	cJSON_ArrayForEach(record, data)
	{
		if (!bcd_json_id(record, id_field, &id))
			return true;
	}
	return false;
}

/* Decides on an item by what a page says about it. */
static void
decide_item(BcdJob *job, BcdItem *item, const ListPage *page, bool more)
{
	const BcdResource *r = job->lane->feed->resource;
	bool		by_key;
	const cJSON *record = find_record(job, item, page, &by_key);
	int64		id = 0;

	if (record && !bcd_json_id(record, r->id, &id))
		bcd_decide_no_id(job, item, record);
	else if (id != 0 && job->stage == BCD_LOOKUP && bcd_record_was_removed(job->lane, id, job->removals))
		bcd_decide_stage(item, job->stage);
	else if (record == NULL && more)
	{
		bcd_decide_stage(item, job->stage);
		item->decision.sweeps = true;
	}
	else if (record == NULL && has_unnamed(page->data, r->id))
		job->doubt = "the store lists a record without a usable id";
	else if (id != 0 && job->stage == BCD_LOOKUP && !by_key && bcd_is_another_row(item, id))
		return;
	else if (job->stage == BCD_LOOKUP)
		job->run->kind->decide_lookup(item, id, record);
	else if (!bcd_read_elements_first(item, record))
		job->run->kind->decide_read(item, record);
}

/*
 * Reads a page.  If the list has changed since its first page, records may
 * have been missed.
 */
static void
read_page(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdSweep *sweep = lane->gates->sweep[job->stage];
	const BcdResource *r = lane->feed->resource;
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	char		why[256];
	ListPage	page;
	dlist_iter	iter;

	bcd_page_read(&job->page, reply, r->id);
	if (!bcd_page_moves_on(&sweep->paging, &job->page, -1, why, sizeof(why)))
	{
		job->doubt = pstrdup(why);
		return;
	}
	if (sweep->page > 1 && job->page.total != sweep->paging.total)
	{
		job->doubt = "the store's list changed while it was read";
		return;
	}
	if (r->facets->choices && job->stage == BCD_LOOKUP)
		bcd_choice_ids_count(lane, data);
	page.data = data;
	bcd_page_sort(&page.records, data, r->id);
	dlist_foreach(iter, &job->items)
		decide_item(job, dlist_container(BcdItem, node, iter.cur), &page, !bcd_page_is_last(&job->page, sweep->page, bcd_batch_limit(lane, job->stage)));
	job->taken = next_page;
}

/* Appends the parameters of a page, which may be the first of a query. */
static void
append_fields(StringInfo url, BcdLane *lane, BcdStage stage, const BcdView *view)
{
	int			end = url->len;

	bcd_append_fields(url, lane, stage, view->endpoint);
	if (view->query == NULL)
		url->data[end] = '?';
}

/* Begins a list of the records of some parents, for the first n items of the queue. */
static void
begin(BcdLane *lane, BcdStage stage, const BcdView *view, const BcdSiblingParents *parents, int n)
{
	BcdGates   *gates = lane->gates;
	bool		overflows = gates->sweep[stage] && gates->sweep[stage]->overflows;
	StringInfoData url;

	initStringInfo(&url);
	bcd_url_append(&url, view->endpoint->path, view->query, parents->n, parent_value, parents);
	append_fields(&url, lane, stage, view);
	if (gates->sweep[stage] == NULL)
		gates->sweep[stage] = MemoryContextAllocZero(gates->cxt, sizeof(BcdSweep));
	else
		pfree(gates->sweep[stage]->url);
	memset(gates->sweep[stage], 0, sizeof(BcdSweep));
	gates->sweep[stage]->url = MemoryContextStrdup(gates->cxt, url.data);
	gates->sweep[stage]->page = 1;
	gates->sweep[stage]->parents = parents->n;
	gates->sweep[stage]->items = n;
	gates->sweep[stage]->overflows = overflows;
}

/* Returns a request for the next page, for the first n items of the queue. */
static BcdJob *
page_job(BcdLane *lane, BcdStage stage, const BcdView *view, int n)
{
	const BcdSweep *sweep = lane->gates->sweep[stage];
	BcdJob	   *job = bcd_job_create(lane, stage, view->endpoint->method,
									 sweep->page == 1 ? sweep->url : psprintf("%s&page=%d", sweep->url, sweep->page), NULL);

	job->read = read_page;
	while (n-- > 0)
		bcd_job_take(job, bcd_item_pop(lane, stage));
	return job;
}

/* Reads the record of an item whose parent is not known, or of few items. */
static void
read_one(BcdJob *job, const cJSON *reply)
{
	ListPage	page;

	if (bcd_reply_is_cut(job, reply))
		return;
	page.data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	bcd_page_sort(&page.records, page.data, job->lane->feed->resource->id);
	decide_item(job, dlist_head_element(BcdItem, node, &job->items), &page, false);
}

/*
 * What is below no parent is not in the store; and a record without a known
 * parent cannot be read.
 */
static void
read_nowhere(BcdJob *job, const cJSON *reply)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &job->items);

	if (job->stage == BCD_LOOKUP)
		job->run->kind->decide_lookup(item, 0, NULL);
	else
		bcd_decide_failed(item, BCD_FAILED,
						  MemoryContextStrdup(item->cxt,
											  psprintf("record " INT64_FORMAT " cannot be read, because its %s is not known",
													   item->store_id, item->lane->feed->resource->parent)));
}

static BcdJob *
nowhere_job(BcdLane *lane, BcdStage stage)
{
	BcdJob	   *job = bcd_job_create(lane, stage, NULL, NULL, NULL);

	job->read = read_nowhere;
	bcd_job_take(job, bcd_item_pop(lane, stage));
	return job;
}

/* A BcdUrlValue: returns what a single item is read by. */
static char *
one_value(const char *name, int nth, const void *arg)
{
	const BcdItem *item = arg;
	int64		id = strcmp(name, "id") == 0 ? item->store_id : bcd_item_parent(item);

	return id > 0 ? psprintf(INT64_FORMAT, id) : NULL;
}

static BcdJob *
one_job(BcdLane *lane)
{
	const BcdView *view = &lane->feed->resource->view_one;
	BcdItem    *item = bcd_item_pop(lane, BCD_READ);
	StringInfoData url;
	BcdJob	   *job;

	initStringInfo(&url);
	bcd_url_append(&url, view->endpoint->path, view->query, 1, one_value, item);
	append_fields(&url, lane, BCD_READ, view);
	job = bcd_job_create(lane, BCD_READ, view->endpoint->method, url.data, NULL);
	job->read = read_one;
	job->below = strchr(view->endpoint->path, '{') != NULL;
	bcd_job_take(job, item);
	return job;
}

static void
read_kept_page(BcdJob *job, const cJSON *data, bool is_last, void *arg)
{
	ListPage	page = {data};
	dlist_iter	iter;

	bcd_page_sort(&page.records, data, job->lane->feed->resource->id);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (!item->decision.made && (is_last || bcd_page_record(&page.records, item->store_id)))
			decide_item(job, item, &page, false);
	}
}

static void
read_kept(BcdJob *job, const cJSON *reply)
{
	bcd_kept_read(job, read_kept_page, NULL);
}

/* Returns a job for all items of the queue that needs no request. */
static BcdJob *
kept_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_READ, NULL, NULL, NULL);

	job->read = read_kept;
	while (lane->gates->gate[BCD_READ].queued > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_READ));
	return job;
}

/* Items that are read alone rather than in a list of all records */
#define FEW		5

/*
 * May an item be read alone, below its parent? Not once the store has said that there is no
 * such parent: a server in between may have said so.
 */
static bool
is_read_alone(const BcdLane *lane)
{
	const BcdGate *gate = &lane->gates->gate[BCD_READ];
	const BcdItem *first = dlist_container(BcdItem, node, dlist_head_node((dlist_head *) &gate->queue));

	return lane->feed->resource->view_one.endpoint && gate->queued <= FEW && bcd_item_parent(first) != 0 && !first->reread;
}

/*
 * Returns the next request for items whose records are read in the list of all
 * records, or NULL.
 */
static BcdJob *
whole_job(BcdLane *lane)
{
	const BcdView *view = &lane->feed->resource->view;
	BcdGate    *gate = &lane->gates->gate[BCD_READ];
	BcdSiblingParents parents = {.n = 1};

	if (!lane->exhausted && !lane->gates->send_partial && bcd_lane_has_room(lane))
		return NULL;
	begin(lane, BCD_READ, view, &parents, gate->queued);
	if (bcd_kept_has(lane, lane->gates->sweep[BCD_READ]->url))
		return kept_job(lane);
	if (is_read_alone(lane))
		return one_job(lane);
	bcd_kept_begin(lane, lane->gates->sweep[BCD_READ]->url);
	return page_job(lane, BCD_READ, view, gate->queued);
}

/* Returns the next request that looks up or reads such records, or NULL. */
BcdJob *
bcd_plan_siblings(BcdLane *lane, BcdStage stage)
{
	const BcdResource *r = lane->feed->resource;
	const BcdView *view = stage == BCD_LOOKUP ? &r->keys[0].many : &r->view;
	BcdGate    *gate = &lane->gates->gate[stage];
	BcdSiblingParents parents;
	int			n;

	if (gate->queued == 0 || gate->flying > 0 || !bcd_endpoint_is_free(lane, stage))
		return NULL;
	n = bcd_items_swept(gate);
	if (n > 0)
		return page_job(lane, stage, view, n);
	if (view->whole)
		return whole_job(lane);
	if (stage == BCD_LOOKUP && bcd_is_sought_everywhere(dlist_head_element(BcdItem, node, &gate->queue)))
		return bcd_single_lookup(lane);
	if (bcd_sibling_parent(dlist_head_element(BcdItem, node, &gate->queue), stage) == 0)
		return stage == BCD_READ && r->view_one.endpoint ? one_job(lane) : nowhere_job(lane, stage);
	n = bcd_parents_choose(lane, stage, strangers_per_parent(lane->gates->sweep[stage], stage), &parents);
	if (n == 0)
		return NULL;
	begin(lane, stage, view, &parents, n);
	return page_job(lane, stage, view, n);
}
