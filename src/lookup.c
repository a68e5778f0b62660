/*
 * lookup.c
 *		Finding records of the store by their natural key.
 *
 * Where the API takes a list of keys, a page of rows is looked up with one
 * request.  Where it does not (brands, categories), a few rows are looked up
 * one by one; for more of them the store's whole list, whose size the API
 * bounds, is read once and kept as an index.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "casefold.h"
#include "compat.h"
#include "engine.h"
#include "json.h"
#include "payload.h"

/* Bytes of a query string that lists keys; the API documents no limit */
#define QUERY_BYTES		4000

/* Rows of a lane that are looked up one by one before the list is read */
#define SINGLE_LOOKUPS	5

/*
 * The store's list: natural key and scope -> id, once as it is written and
 * once folded, for those that are not found as they are written.
 */
typedef struct BcdIndex
{
	MemoryContext cxt;
	HTAB	   *ids;
	bool		complete;
	int			page;			/* next page to read */
	int			limit;			/* of records in a page */
	int64		removals;		/* the run's, when it was begun */
	bool		outdated;
	BcdPaging	paging;
} BcdIndex;

typedef struct IndexEntry
{
	char		key[BCD_NAME_BYTES * 4 + 32];	/* see index_key() */
	int64		store_id;
} IndexEntry;

/* Without the white space around it, which stores trim; palloc'd. */
static char *
trimmed(const char *text)
{
	int			len;

	while (scanner_isspace(*text))
		text++;
	len = strlen(text);
	while (len > 0 && scanner_isspace(text[len - 1]))
		len--;
	return pnstrdup(text, len);
}

/*
 * The store compares names without regard to case, so do we.  palloc'd.
 */
char *
bcd_folded(const char *text)
{
	char	   *bare = trimmed(text);

	return bcd_fold_case(bare, strlen(bare));
}

/* The payload whose natural key an item is looked up by. */
Jsonb *
bcd_identity(const BcdItem *item)
{
	return item->seeking ? item->sought : item->wanted;
}

/* The first natural field that an item's row has, of those from the nth on. */
static bool
find_natural_key(BcdItem *item, int nth)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *text = NULL;
	int			i;

	for (i = nth; r->natural[i] && (text == NULL || text[0] == '\0'); i++)
		text = bcd_payload_text(bcd_identity(item), r->natural[i]);
	MemoryContextSwitchTo(old);
	if (text == NULL || text[0] == '\0')
		return false;
	item->natural = text;
	item->natural_index = i - 1;
	return true;
}

/*
 * Finds out by which field an item is looked up: the first natural field
 * that its row has.  A row without any is decided to be invalid.
 */
void
bcd_natural_key(BcdItem *item)
{
	item->further = false;
	item->natural = NULL;
	if (!find_natural_key(item, 0))
		bcd_decide_failed(item, BCD_INVALID,
						  MemoryContextStrdup(item->cxt,
											  psprintf("%s: the row has no value, so its record cannot be found in the store",
													   item->lane->feed->resource->natural[0])));
}

/*
 * The next natural field is not what a record is found by, but it may be what
 * a duplicate is of.  False: the row has none.
 */
bool
bcd_further_key(BcdItem *item)
{
	item->further = find_natural_key(item, item->natural_index + 1);
	return item->further;
}

/* May the key stand in a comma list?  No escape for a comma is documented. */
static bool
listable(BcdLane *lane, BcdItem *item)
{
	return lane->feed->resource->lookup_list && item->natural_index == 0 &&
		strchr(item->natural, ',') == NULL;
}

static int64
scope_of(BcdLane *lane, BcdItem *item)
{
	const char *scope = lane->feed->resource->scope;

	return scope ? bcd_payload_integer(bcd_identity(item), scope) : 0;
}

/* An item that travels with another feed's has its own feed's tree. */
static int64
default_tree(BcdLane *lane, BcdItem *item)
{
	return item->lane->tree_id ? item->lane->tree_id : lane->tree_id;
}

/*
 * The tree that a record at the top is looked up in; 0: its parent tells, or
 * there are no trees.
 */
static int64
tree_of(BcdLane *lane, BcdItem *item)
{
	const BcdResource *r = lane->feed->resource;
	int64		tree;

	if (r->needs_tree == NULL || scope_of(lane, item) != 0)
		return 0;
	tree = bcd_payload_integer(bcd_identity(item), r->needs_tree);
	return tree ? tree : default_tree(lane, item);
}

/*
 * The key to ask for.  One that the store calls a duplicate, but does not
 * find, may be there without the white space around it.
 */
static const char *
asked_key(const BcdItem *item)
{
	return item->clashed ? trimmed(item->natural) : item->natural;
}

/* One request for as many keys as go into a URL. */
static BcdJob *
list_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	StringInfoData query;
	BcdItem    *items[BCD_PAGE_LIMIT];
	BcdJob	   *job;
	BcdItem    *first = dlist_head_element(BcdItem, node, &lane->queue[BCD_LOOKUP]);
	int			limit = Min(first->group, bcd_batch_limit(lane, BCD_LOOKUP));
	int			n = 0;
	int			i;

	initStringInfo(&query);
	appendStringInfo(&query, "%s?%s=", r->list_path, r->lookup_list);
	while (n < limit && query.len < QUERY_BYTES && lane->queued[BCD_LOOKUP] > 0)
	{
		BcdItem    *item = dlist_head_element(BcdItem, node, &lane->queue[BCD_LOOKUP]);

		if (!listable(lane, item) || item->group < limit)
			break;
		if (n > 0)
			appendStringInfoChar(&query, ',');
		bcd_url_escape(&query, asked_key(item));
		items[n++] = bcd_item_pop(lane, BCD_LOOKUP);
	}
	bcd_append_fields(&query, lane, BCD_LOOKUP);
	job = bcd_job_create(lane, BCD_LOOKUP, "GET", query.data, NULL);
	job->read = bcd_lookup_read;
	for (i = 0; i < n; i++)
		bcd_job_take(job, items[i]);
	return job;
}

static BcdJob *
single_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdItem    *item = bcd_item_pop(lane, BCD_LOOKUP);
	StringInfoData query;
	BcdJob	   *job;

	initStringInfo(&query);
	appendStringInfo(&query, "%s?%s=", r->list_path, r->natural[item->natural_index]);
	bcd_url_escape(&query, asked_key(item));
	if (r->scope)
		appendStringInfo(&query, "&%s:in=" INT64_FORMAT, r->scope, scope_of(lane, item));
	if (tree_of(lane, item) != 0)
		appendStringInfo(&query, "&%s:in=" INT64_FORMAT, r->needs_tree, tree_of(lane, item));
	bcd_append_fields(&query, lane, BCD_LOOKUP);
	job = bcd_job_create(lane, BCD_LOOKUP, "GET", query.data, NULL);
	job->read = bcd_lookup_read;
	bcd_job_take(job, item);
	lane->lookups++;
	return job;
}

/* Records at the top have their tree for a scope. */
static int64
index_scope(int64 scope, int64 tree)
{
	return scope != 0 ? scope : -tree;
}

/* Key of the index: scope, natural key; cut like a name that long. */
static void
index_key(char *out, int64 scope, const char *natural, bool fold)
{
	char	   *key = psprintf(INT64_FORMAT "%c%s", scope, fold ? '~' : '=',
							   fold ? bcd_folded(natural) : natural);

	memset(out, 0, sizeof(((IndexEntry *) 0)->key));
	strlcpy(out, key, sizeof(((IndexEntry *) 0)->key));
}

static void
index_create(BcdLane *lane)
{
	MemoryContext cxt = AllocSetContextCreate(lane->cxt, "bcdelta index", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		ctl = {0};

	lane->index = MemoryContextAllocZero(cxt, sizeof(BcdIndex));
	lane->index->cxt = cxt;
	lane->index->page = 1;
	lane->index->limit = bcd_batch_limit(lane, BCD_LOOKUP);
	lane->index->removals = lane->run->removals;
	ctl.keysize = sizeof(((IndexEntry *) 0)->key);
	ctl.entrysize = sizeof(IndexEntry);
	ctl.hcxt = cxt;
	lane->index->ids = hash_create("bcdelta index", 1024, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
bcd_index_free(BcdLane *lane)
{
	if (lane->index)
		MemoryContextDelete(lane->index->cxt);
	lane->index = NULL;
	lane->lookups = 0;
}

/* An entry's id when the store gives none: the record is there, and not usable. */
#define NO_ID	(-1)

/* The first record of a name is taken, one with an id before others. */
static void
index_enter(BcdLane *lane, int64 scope, const char *natural, int64 store_id, bool fold)
{
	IndexEntry	entry;
	IndexEntry *found;
	bool		exists;

	index_key(entry.key, scope, natural, fold);
	found = hash_search(lane->index->ids, entry.key, HASH_ENTER, &exists);
	if (!exists || found->store_id == NO_ID)
		found->store_id = store_id;
}

/* The id of a record, 0: there is no such record, NO_ID: it has none. */
static int64
index_find(BcdLane *lane, int64 scope, const char *natural)
{
	IndexEntry	entry;
	IndexEntry *found;

	index_key(entry.key, scope, natural, false);
	found = hash_search(lane->index->ids, entry.key, HASH_FIND, NULL);
	if (found == NULL)
	{
		index_key(entry.key, scope, natural, true);
		found = hash_search(lane->index->ids, entry.key, HASH_FIND, NULL);
	}
	return found ? found->store_id : 0;
}

static void
next_page(BcdJob *job)
{
	BcdIndex   *index = job->lane->index;

	index->complete = index->page >= job->page.pages;
	index->page++;
	bcd_page_taken(&index->paging, &job->page);
}

/* A page of the store's list. */
static void
read_page(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;
	char		why[256];

	bcd_page_read(&job->page, reply, r->id);
	if (!bcd_page_moves_on(&lane->index->paging, &job->page, -1, why, sizeof(why)))
	{
		bcd_lane_stop(lane, why);
		return;
	}
	cJSON_ArrayForEach(record, bcd_json_path(reply, "data"))
	{
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, r->natural[0]);
		int64		id;
		int64		scope = 0;
		int64		tree = lane->tree_id;

		if (!cJSON_IsString(name))
			continue;
		if (!bcd_json_id(record, r->id, &id))
			id = NO_ID;
		if (r->scope)
			(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->scope), &scope);
		if (r->needs_tree)
			(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->needs_tree), &tree);
		scope = index_scope(scope, tree);
		index_enter(lane, scope, name->valuestring, id, false);
		index_enter(lane, scope, name->valuestring, id, true);
	}
	job->taken = next_page;
}

static BcdJob *
page_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdJob	   *job;

	job = bcd_job_create(lane, BCD_LOOKUP, "GET",
						 psprintf("%s?page=%d&limit=%d&include_fields=%s%s%s%s%s", r->list_path,
								  lane->index->page, lane->index->limit, r->natural[0],
								  r->scope ? "," : "", r->scope ? r->scope : "",
								  r->needs_tree ? "," : "", r->needs_tree ? r->needs_tree : ""), NULL);
	job->read = read_page;
	return job;
}

/* The store's default category tree. */
static void
read_tree(BcdJob *job, const cJSON *reply)
{
	int64		id;

	if (bcd_json_int64(bcd_json_path(reply, "data.0.id"), &id) && id > 0)
		job->lane->tree_id = id;
	else
		bcd_lane_stop(job->lane, "the store has no category tree for its default channel; set the feed's option tree_id");
}

/* Asks for it: to be called while lane->tree_id is 0. */
BcdJob *
bcd_plan_tree(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_LOOKUP, "GET", "/catalog/trees?channel_id:in=1", NULL);

	job->read = read_tree;
	return job;
}

/*
 * Looks the queued items up in the index: no request, but decisions.  One that
 * lists a record which we have removed since is read anew.
 */
static void
read_index(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		int64		scope = index_scope(scope_of(lane, item), tree_of(lane, item));
		int64		id = index_find(lane, scope, item->natural);

		if (id == NO_ID)
			bcd_decide_no_id(job, item, NULL);
		else if (id != 0 && bcd_record_was_removed(lane, id, lane->index->removals))
		{
			lane->index->outdated = true;
			bcd_decide_stage(item, BCD_LOOKUP);
		}
		else
			job->run->kind->decide_lookup(item, id, NULL);
	}
}

/* The index is older than the duplicate or the create that an item has met. */
static bool
outdates_index(const BcdItem *item)
{
	return item->clashed || item->seeking;
}

static BcdJob *
index_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_LOOKUP, NULL, NULL, NULL);

	job->read = read_index;
	while (job->nitems < BCD_PAGE_LIMIT && lane->queued[BCD_LOOKUP] > 0 &&
		   !outdates_index(dlist_head_element(BcdItem, node, &lane->queue[BCD_LOOKUP])))
		bcd_job_take(job, bcd_item_pop(lane, BCD_LOOKUP));
	return job;
}

/* The list is not what it was: pages have shifted, or a record of it is gone. */
static bool
index_is_outdated(BcdLane *lane)
{
	const BcdIndex *index = lane->index;

	return index->outdated ||
		(!index->complete && (index->removals != lane->run->removals ||
							  index->limit != bcd_batch_limit(lane, BCD_LOOKUP)));
}

/* The next request that finds records, or NULL. */
BcdJob *
bcd_plan_lookup(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdItem    *first;

	if (lane->queued[BCD_LOOKUP] == 0)
		return NULL;
	if (r->needs_tree && lane->tree_id == 0)
		return bcd_plan_tree(lane);
	first = dlist_head_element(BcdItem, node, &lane->queue[BCD_LOOKUP]);
	if (listable(lane, first))
	{
		if (lane->queued[BCD_LOOKUP] < BCD_PAGE_LIMIT && !lane->exhausted && !lane->cramped)
			return NULL;
		return list_job(lane);
	}
	if (lane->index && index_is_outdated(lane))
		bcd_index_free(lane);
	if (!r->small || outdates_index(first))
		return single_job(lane);
	if (lane->index == NULL)
	{
		if (lane->lookups + lane->queued[BCD_LOOKUP] <= SINGLE_LOOKUPS)
			return single_job(lane);
		index_create(lane);
	}
	return lane->index->complete ? index_job(lane) : page_job(lane);
}

/* The record of a reply that an item's natural key names; NULL: none. */
static const cJSON *
record_of(BcdLane *lane, BcdItem *item, const cJSON *records)
{
	const BcdResource *r = lane->feed->resource;
	const char *field = r->natural[item->natural_index];
	char	   *wanted = bcd_folded(item->natural);
	const cJSON *record;
	const cJSON *found = NULL;

	cJSON_ArrayForEach(record, records)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, field);
		int64		scope = 0;
		int64		tree;

		if (!cJSON_IsString(value))
			continue;
		if (r->scope &&
			(!bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->scope), &scope) ||
			 scope != scope_of(lane, item)))
			continue;
		/* told only when it is asked for; the request is for this tree alone */
		if (r->needs_tree && scope == 0 &&
			bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->needs_tree), &tree) &&
			tree != tree_of(lane, item))
			continue;
		if (strcmp(value->valuestring, item->natural) == 0)
			return record;
		if (strcmp(bcd_folded(value->valuestring), wanted) == 0)
			found = record;
	}
	return found;
}

/*
 * A reply that is only the first page, of fewer records than were asked for,
 * says nothing about the others: ask for fewer at once.  What is not found
 * alone either is trouble, and left undecided.
 */
bool
bcd_reply_is_cut(BcdJob *job, const cJSON *reply)
{
	int64		pages = 0;

	(void) bcd_json_int64(bcd_json_path(reply, "meta.pagination.total_pages"), &pages);
	if (pages > 1 && job->nitems > 1)
		bcd_batch_too_large(job->lane, job->stage, job->nitems);
	if (pages > 1)
		job->doubt = "the store lists several pages for one record, and it is not on the first";
	return pages > 1;
}

/*
 * Reads the reply to list_job() and single_job().  A record that it names may
 * have been removed by us since the request was made: that is looked up again.
 */
void
bcd_lookup_read(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const cJSON *records = bcd_json_path(reply, "data");
	bool		cut = bcd_reply_is_cut(job, reply);
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = record_of(lane, item, records);
		int64		id = 0;

		if (record && !bcd_json_id(record, lane->feed->resource->id, &id))
			bcd_decide_no_id(job, item, record);
		else if (id != 0 && bcd_record_was_removed(lane, id, job->removals))
			bcd_decide_stage(item, BCD_LOOKUP);
		else if (id != 0 || !cut)
			job->run->kind->decide_lookup(item, id, id ? record : NULL);
		else if (job->nitems > 1)
		{
			item->group = job->nitems / 2;
			bcd_decide_stage(item, BCD_LOOKUP);
		}
	}
}
