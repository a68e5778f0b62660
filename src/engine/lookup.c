/*
 * lookup.c
 *		Finds records of the store by their natural key.
 *
 * If the API accepts a list of keys, one request looks up a page of rows.
 * Otherwise (brands, categories), a few rows are looked up one by one, and
 * larger numbers in an index of the store's list (lookup_list.c).
 */
#include "postgres.h"

#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/lookup_list.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/view.h"
#include "payload/payload.h"
#include "payload/url.h"
#include "resource/resource.h"

static void bcd_lookup_read(BcdJob *job, const cJSON *reply);

/* Size of a query string that lists keys; the API documents no limit */
#define QUERY_BYTES		4000

/*
 * Rows of a lane that are looked up one by one before the whole list is read
 */
#define SINGLE_LOOKUPS	5

/*
 * Can the key be part of a comma-separated list?  No way to escape a comma is
 * documented.
 */
static bool
listable(BcdLane *lane, BcdItem *item)
{
	return lane->feed->resource->keys[item->natural_index].many.endpoint &&
		strchr(item->natural, ',') == NULL;
}

/*
 * Returns the key to ask for.  If the store reports a duplicate that it does
 * not find, the record may have the key without the surrounding white space.
 */
static const char *
asked_key(const BcdItem *item)
{
	return bcd_reason_is_unexpected(item->lookup_reason) ? bcd_trimmed(item->natural) : item->natural;
}

/* The items of a look-up, for key_value() */
typedef struct Asked
{
	BcdLane    *lane;
	BcdItem    *items[BCD_PAGE_LIMIT];
} Asked;

/* A BcdUrlValue: returns what the nth item is looked up by. */
static char *
key_value(const char *name, int nth, const void *arg)
{
	const Asked *asked = arg;
	const BcdResource *r = asked->lane->feed->resource;
	BcdItem    *item = asked->items[nth];
	int64		id;

	if (r->parent && strcmp(name, r->parent) == 0)
		return psprintf(INT64_FORMAT, bcd_scope_of(asked->lane, item));
	if (r->defaulted && strcmp(name, r->defaulted) == 0)
	{
		id = bcd_defaulted_of(asked->lane, item);
		return id ? psprintf(INT64_FORMAT, id) : NULL;
	}
	if (r->within && strcmp(name, r->within) == 0)
		return bcd_within_text(item);
	return pstrdup(asked_key(item));
}

static BcdJob *
key_job(const BcdView *view, const Asked *asked, int n)
{
	StringInfoData url;
	BcdJob	   *job;
	int			i;

	initStringInfo(&url);
	bcd_url_append(&url, view->endpoint->path, view->query, n, key_value, asked);
	bcd_append_fields(&url, asked->lane, BCD_LOOKUP, view->endpoint);
	job = bcd_job_create(asked->lane, BCD_LOOKUP, view->endpoint->method, url.data, NULL);
	job->read = bcd_lookup_read;
	for (i = 0; i < n; i++)
		bcd_job_take(job, asked->items[i]);
	return job;
}

/* Makes one request for as many keys as fit into a URL. */
static BcdJob *
list_job(BcdLane *lane)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &lane->gates->gate[BCD_LOOKUP].queue);
	const BcdView *view = &lane->feed->resource->keys[item->natural_index].many;
	int			limit = Min(item->group, bcd_batch_limit(lane, BCD_LOOKUP));
	StringInfoData keys;
	Asked		asked = {lane};
	int			n = 0;

	initStringInfo(&keys);
	while (n < limit && keys.len < QUERY_BYTES && lane->gates->gate[BCD_LOOKUP].queued > 0)
	{
		item = dlist_head_element(BcdItem, node, &lane->gates->gate[BCD_LOOKUP].queue);
		if (!listable(lane, item) || item->group < limit)
			break;
		bcd_url_escape(&keys, asked_key(item));
		asked.items[n++] = bcd_item_pop(lane, BCD_LOOKUP);
	}
	return key_job(view, &asked, n);
}

/*
 * Is an item looked up in the whole store, since any record may have its key,
 * although its own can only be found below its parent?
 */
bool
bcd_is_sought_everywhere(const BcdItem *item)
{
	return item->lane->feed->resource->keys_everywhere &&
		(item->lookup_reason == BCD_REASON_KEY_HOLDER || item->lookup_reason == BCD_REASON_NEXT_HOLDER);
}

/* Returns a request that looks up the first item of the queue alone. */
BcdJob *
bcd_single_lookup(BcdLane *lane)
{
	Asked		asked = {lane, {bcd_item_pop(lane, BCD_LOOKUP)}};

	lane->gates->lookups++;
	return key_job(&lane->feed->resource->keys[asked.items[0]->natural_index].one, &asked, 1);
}

/* Returns the field whose default has to be read from the store, or NULL. */
static const BcdDefault *
default_of(const BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;

	return bcd_resource_field(r, r->defaulted)->otherwise;
}

static void
read_default(BcdJob *job, const cJSON *reply)
{
	int64		id;

	if (bcd_json_int64(bcd_json_path(reply, default_of(job->lane)->value), &id) && id > 0)
		job->lane->gates->default_id = id;
	else
		bcd_lane_stop(job->lane, default_of(job->lane)->missing);
}

/*
 * Must a default be read from the store, because a feed does not provide it?
 */
bool
bcd_lacks_default(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	int			i;

	if (lane->feed->resource->defaulted == NULL || lane->gates->default_id != 0)
		return false;
	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == lane->gates && run->lanes[i]->feed->options.tree_id == 0)
			return true;
	return false;
}

/*
 * Makes the request that reads the default; called while
 * lane->gates->default_id is 0.
 */
BcdJob *
bcd_plan_default(BcdLane *lane)
{
	BcdJob	   *job = bcd_job_create(lane, BCD_LOOKUP, "GET", default_of(lane)->path, NULL);

	job->read = read_default;
	return job;
}

/* Returns the next request that finds records, or NULL. */
BcdJob *
bcd_plan_lookup(BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdItem    *first;
	bool		alone;			/* can it be looked up by itself? */

	if (lane->gates->gate[BCD_LOOKUP].queued == 0)
		return NULL;
	if (bcd_lacks_default(lane))
		return bcd_plan_default(lane);
	first = dlist_head_element(BcdItem, node, &lane->gates->gate[BCD_LOOKUP].queue);
	if (listable(lane, first))
	{
		if (lane->gates->gate[BCD_LOOKUP].queued < BCD_PAGE_LIMIT && !lane->exhausted && !lane->gates->send_partial)
			return NULL;
		return list_job(lane);
	}
	alone = r->keys[first->natural_index].one.endpoint != NULL;
	if (lane->gates->index && (bcd_index_is_outdated(lane) || (!alone && bcd_outdates_index(first))))
		bcd_index_free(lane);
	if (alone && (!r->small || bcd_outdates_index(first)))
		return bcd_single_lookup(lane);
	if (lane->gates->index == NULL)
	{
		if (alone && lane->gates->lookups + lane->gates->gate[BCD_LOOKUP].queued <= SINGLE_LOOKUPS)
			return bcd_single_lookup(lane);
		bcd_index_create(lane);
	}
	return bcd_plan_index(lane);
}

/*
 * Returns the natural key of a record, or NULL if the record has another parent
 * or tree than the item, or no such key.
 */
static const char *
key_beside(BcdLane *lane, BcdItem *item, const cJSON *record)
{
	const BcdResource *r = lane->feed->resource;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, bcd_resource_key(r, item->natural_index));
	int64		scope = 0;
	int64		tree;

	if (!cJSON_IsString(value) || bcd_record_is_apart(item, record))
		return NULL;
	if (r->parent && !bcd_is_sought_everywhere(item) &&
		(!bcd_json_field_int64(record, r->parent, &scope) ||
		 scope != bcd_scope_of(lane, item)))
		return NULL;
	if (!bcd_is_within(item, record))
		return NULL;
	/* only part of a reply if asked for; the request is for this tree alone */
	if (r->defaulted && scope == 0 &&
		bcd_json_field_int64(record, r->defaulted, &tree) &&
		tree != bcd_defaulted_of(lane, item))
		return NULL;
	return value->valuestring;
}

/* Returns the record of a reply that has an item's natural key, or NULL. */
const cJSON *
bcd_record_named(BcdLane *lane, BcdItem *item, const cJSON *records)
{
	char	   *wanted = bcd_folded(item->natural);
	const cJSON *record;
	const cJSON *found = NULL;

	cJSON_ArrayForEach(record, records)
	{
		const char *value = key_beside(lane, item, record);

		if (value && strcmp(value, item->natural) == 0)
			return record;
		if (value && !bcd_key_has_case(lane->feed->resource) && strcmp(bcd_folded(value), wanted) == 0)
			found = record;
	}
	return found;
}

static bool
key_is_shared(const BcdLane *lane, const BcdItem *item)
{
	return lane->feed->resource->keys[item->natural_index].shared;
}

/* Maximum number of records that an error message lists */
#define MOST_NAMED	10

/*
 * Returns an error if several records have the item's natural key, where that
 * is possible, since the row's own cannot be determined; else NULL.
 */
static char *
several_of(BcdLane *lane, BcdItem *item, const cJSON *records)
{
	const BcdResource *r = lane->feed->resource;
	char	   *wanted = bcd_folded(item->natural);
	const cJSON *record;
	StringInfoData ids;
	int			n = 0;

	if (!key_is_shared(lane, item))
		return NULL;
	initStringInfo(&ids);
	cJSON_ArrayForEach(record, records)
	{
		const char *value = key_beside(lane, item, record);

		if (value && strcmp(bcd_folded(value), wanted) == 0 && ++n <= MOST_NAMED)
			appendStringInfo(&ids, "%s%s", n > 1 ? ", " : "", bcd_id_text(record, r->id));
	}
	if (n < 2)
		return NULL;
	return psprintf("%s: %d records of the store have \"%s\" (%s %s%s); link the row to one of them",
					bcd_resource_key(r, item->natural_index), n, item->natural,
					r->id, ids.data, n > MOST_NAMED ? ", ..." : "");
}

/*
 * Is the reply cut short: only a first page, with fewer records than were
 * asked for?  It says nothing about the others, so smaller requests are made
 * for them.  If a single item is not found this way, that counts as trouble.
 */
bool
bcd_reply_is_cut(BcdJob *job, const cJSON *reply)
{
	BcdPage		page;

	bcd_page_read(&page, reply, job->lane->feed->resource->id);
	if (!bcd_page_is_cut(&page))
		return false;
	if (job->nitems > 1)
		bcd_batch_too_large(job, job->nitems);
	job->doubt = "the store lists several pages for one record, which is not on the first page";
	return true;
}

/*
 * Reads the reply to list_job() or single_job().  If it shows a record that
 * the run has removed since the request was made, the item is looked up again.
 */
static void
bcd_lookup_read(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const cJSON *records = bcd_json_path(reply, "data");
	bool		cut = bcd_reply_is_cut(job, reply);
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = bcd_record_named(lane, item, records);
		char	   *several = several_of(lane, item, records);
		int64		id = 0;

		if (several)
			bcd_decide_failed(item, BCD_FAILED, MemoryContextStrdup(item->cxt, several));
		else if (record && !bcd_json_id(record, lane->feed->resource->id, &id))
			bcd_decide_no_id(job, item, record);
		else if (id != 0 && bcd_record_was_removed(lane, id, job->removals))
			bcd_decide_stage(item, BCD_LOOKUP);
		else if (!cut || (id != 0 && !key_is_shared(lane, item)))
			job->run->kind->decide_lookup(item, id, id ? record : NULL);
		else if (job->nitems > 1)
		{
			bcd_decide_stage(item, BCD_LOOKUP);
			item->decision.group = job->nitems / 2;
		}
	}
}
