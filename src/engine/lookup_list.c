/*
 * lookup_list.c
 *		The store's list of a resource, read once and kept as an index.
 *
 * Natural keys that can only be looked up one by one (brands, categories) are
 * found faster by reading the whole list, whose size the API limits.  The
 * index belongs to its lane.  It is discarded if pages may have shifted while
 * it was read, or when the run has removed a record that is in it.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lookup_list.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/view.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/paging.h"

/*
 * The store's list, as a map from scope and natural key to id.  Each key is
 * entered as it is written and also folded, for keys that differ only in case.
 */
typedef struct BcdIndex
{
	MemoryContext cxt;
	HTAB	   *ids;
	bool		complete;
	int			page;			/* next page to read */
	int			limit;			/* of records per page */
	int64		removals;		/* the run's, when the first page was
								 * requested */
	int64		grown;			/* its creates without its deletes, when the
								 * list was complete */
	int64		began;			/* number of moves of items at that time */
	bool		outdated;
	BcdPaging	paging;
} BcdIndex;

/* Longer keys are hashed */
#define INDEX_KEY_BYTES	96

typedef struct IndexEntry
{
	char		key[INDEX_KEY_BYTES];	/* see index_key() */
	int64		store_id;
} IndexEntry;

/* The scope of top-level records is their tree. */
static int64
index_scope(int64 scope, int64 tree)
{
	return scope != 0 ? scope : -tree;
}

/*
 * Builds a key of the index from scope and natural key; of a long one, from its
 * beginning and a hash.
 */
static void
index_key(char *out, int64 scope, const char *within, const char *natural, bool fold)
{
	char	   *key = psprintf(INT64_FORMAT "%c%zu:%s%s", scope, fold ? '~' : '=', within ? strlen(within) : 0,
							   within ? within : "", fold ? bcd_folded(natural) : natural);

	memset(out, 0, INDEX_KEY_BYTES);
	if (strlen(key) >= INDEX_KEY_BYTES)
		snprintf(key + INDEX_KEY_BYTES / 2, INDEX_KEY_BYTES / 2, UINT64_FORMAT,
				 hash_bytes_extended((const unsigned char *) key, strlen(key), 0));
	strlcpy(out, key, INDEX_KEY_BYTES);
}

void
bcd_index_create(BcdLane *lane)
{
	MemoryContext cxt = AllocSetContextCreate(lane->cxt, "bcdelta index", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		ctl = {0};

	lane->gates->index = MemoryContextAllocZero(cxt, sizeof(BcdIndex));
	lane->gates->index->cxt = cxt;
	lane->gates->index->page = 1;
	lane->gates->index->limit = bcd_batch_limit(lane, BCD_LOOKUP);
	lane->gates->index->removals = lane->run->removals;
	lane->gates->index->began = lane->gates->moved;
	ctl.keysize = sizeof(((IndexEntry *) 0)->key);
	ctl.entrysize = sizeof(IndexEntry);
	ctl.hcxt = cxt;
	lane->gates->index->ids = hash_create("bcdelta index", 1024, &ctl,
										  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
bcd_index_free(BcdLane *lane)
{
	if (lane->gates->index)
		MemoryContextDelete(lane->gates->index->cxt);
	lane->gates->index = NULL;
	lane->gates->lookups = 0;
}

/*
 * Id of a record for which the store returns no id: it exists, but cannot be
 * used
 */
#define NO_ID	(-1)

/* Stands for the ids of several records with a key that records may share */
#define SEVERAL	(-2)

/*
 * Enters a record.  The first with a name is kept, but one with an id replaces
 * one without.
 */
static void
index_enter(BcdLane *lane, int64 scope, const char *within, const char *natural, int64 store_id, bool fold)
{
	IndexEntry	entry;
	IndexEntry *found;
	bool		exists;

	index_key(entry.key, scope, within, natural, fold);
	found = hash_search(lane->gates->index->ids, entry.key, HASH_ENTER, &exists);
	if (!exists || found->store_id == NO_ID)
		found->store_id = store_id;
	else if (lane->feed->resource->keys[0].shared && found->store_id != store_id)
		found->store_id = SEVERAL;
}

/*
 * Returns the id of a record; 0: there is no such record; NO_ID: it has no id;
 * SEVERAL: there is more than one.
 */
static int64
index_find(BcdLane *lane, int64 scope, const char *within, const char *natural)
{
	IndexEntry	entry;
	IndexEntry *found;

	index_key(entry.key, scope, within, natural, false);
	found = hash_search(lane->gates->index->ids, entry.key, HASH_FIND, NULL);
	if (found == NULL && !bcd_key_has_case(lane->feed->resource))
	{
		index_key(entry.key, scope, within, natural, true);
		found = hash_search(lane->gates->index->ids, entry.key, HASH_FIND, NULL);
	}
	return found ? found->store_id : 0;
}

static void
next_page(BcdJob *job)
{
	BcdIndex   *index = job->lane->gates->index;

	index->complete = bcd_page_is_last(&job->page, index->page, bcd_batch_limit(job->lane, BCD_LOOKUP));
	index->page++;
	index->grown = job->run->counts.created - job->run->counts.deleted;
	bcd_page_taken(&index->paging, &job->page);
}

/* Reads a page of the store's list. */
static void
read_page(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;
	char		why[256];

	bcd_page_read(&job->page, reply, r->id);
	if (!bcd_page_moves_on(&lane->gates->index->paging, &job->page, -1, why, sizeof(why)))
	{
		bcd_lane_stop(lane, why);
		return;
	}
	cJSON_ArrayForEach(record, bcd_json_path(reply, "data"))
	{
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, bcd_resource_key(r, 0));
		int64		id;
		int64		scope = 0;
		int64		tree = lane->gates->default_id;
		const char *within;

		if (!cJSON_IsString(name))
			continue;
		if (!bcd_json_id(record, r->id, &id))
			id = NO_ID;
		if (r->parent)
			(void) bcd_json_field_int64(record, r->parent, &scope);
		if (r->defaulted)
			(void) bcd_json_field_int64(record, r->defaulted, &tree);
		scope = index_scope(scope, tree);
		within = r->within ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, r->within)) : NULL;
		index_enter(lane, scope, within, name->valuestring, id, false);
		if (!bcd_key_has_case(r))
			index_enter(lane, scope, within, name->valuestring, id, true);
	}
	job->taken = next_page;
}

static BcdJob *
page_job(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdJob	   *job;

	job = bcd_job_create(lane, BCD_LOOKUP, "GET",
						 psprintf("%s?page=%d&%s", r->list.endpoint->path, lane->gates->index->page,
								  bcd_list_fields(r, lane->gates->index->limit, true)), NULL);
	job->read = read_page;
	return job;
}

static char *
several_words(const BcdLane *lane, const BcdItem *item)
{
	return MemoryContextStrdup(item->cxt,
							   psprintf("%s: several records of the store have \"%s\"; link the row to one of them",
										bcd_resource_key(lane->feed->resource, item->natural_index), item->natural));
}

/*
 * Looks the queued items up in the index, without a request.  If the index has
 * a record that the run has removed since, it is read again.
 */
static void
read_index(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		int64		scope = index_scope(bcd_scope_of(lane, item), bcd_defaulted_of(lane, item));
		int64		id = index_find(lane, scope, bcd_within_text(item), item->natural);

		if (id == 0 && item->lookup_reason != BCD_REASON_RECORD && item->came_at > lane->gates->index->began)
		{
			/* it may have been made since */
			bcd_decide_stage(item, BCD_LOOKUP);
			item->decision.sweeps = true;
		}
		else if (id == NO_ID)
			bcd_decide_no_id(job, item, NULL);
		else if (id == SEVERAL)
			bcd_decide_failed(item, BCD_FAILED, several_words(lane, item));
		else if (id != 0 && bcd_record_was_removed(lane, id, lane->gates->index->removals))
		{
			lane->gates->index->outdated = true;
			bcd_decide_stage(item, BCD_LOOKUP);
		}
		else
			job->run->kind->decide_lookup(item, id, NULL);
	}
}

/* Do keys that differ in case belong to different records? */
bool
bcd_key_has_case(const BcdResource *r)
{
	return r->upserts || r->guarded;
}

/* Is the index older than a duplicate or a create that the item has met? */
bool
bcd_outdates_index(const BcdItem *item)
{
	const BcdIndex *index = item->lane->gates->index;

	if (item->lookup_reason == BCD_REASON_RECORD)
		return false;
	/* many of these may turn out to exist when they are made */
	return !item->lane->feed->resource->guarded || (index && item->swept && item->came_at > index->began);
}

static BcdJob *
index_job(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_LOOKUP, NULL, NULL, NULL);

	job->read = read_index;
	while (job->nitems < BCD_PAGE_LIMIT && lane->gates->gate[BCD_LOOKUP].queued > 0 &&
		   !bcd_outdates_index(dlist_head_element(BcdItem, node, &lane->gates->gate[BCD_LOOKUP].queue)))
		bcd_job_take(job, bcd_item_pop(lane, BCD_LOOKUP));
	return job;
}

/*
 * Returns how many records the store has, or -1: that is not known.  While a
 * resource is pushed, no others are created or deleted.
 */
int64
bcd_index_records(const BcdLane *lane)
{
	const BcdIndex *index = lane->gates->index;

	if (index == NULL || !index->complete)
		return -1;
	return index->paging.listed + lane->run->counts.created - lane->run->counts.deleted - index->grown;
}

/* Has the list changed: have pages shifted, or has a record been removed? */
bool
bcd_index_is_outdated(BcdLane *lane)
{
	const BcdIndex *index = lane->gates->index;

	return index->outdated ||
		(!index->complete && (index->removals != lane->run->removals ||
							  index->limit != bcd_batch_limit(lane, BCD_LOOKUP)));
}

/*
 * Returns the request for the next page of the list or, once all are read, a
 * job that looks items up in the index.
 */
BcdJob *
bcd_plan_index(BcdLane *lane)
{
	return lane->gates->index->complete ? index_job(lane) : page_job(lane);
}
