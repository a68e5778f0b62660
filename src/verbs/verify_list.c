/*
 * verify_list.c
 *		The list of the store, as a verify sees it: how many records there are,
 *		and which of them belong to no row.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/reply_error.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/paging.h"
#include "tables/discrepancy.h"
#include "tables/link.h"
#include "tables/link_unique.h"
#include "verbs/verify_list.h"
#include "verbs/verify_record.h"

/* Longest filter of a list, in bytes */
#define MAX_FILTER	2000

/* Has the run this mode? */
bool
bcd_verify_is(const BcdRun *run, const char *mode)
{
	return strcmp(run->mode, mode) == 0;
}

/* Does it compare all rows of a lane? */
bool
bcd_verify_is_full(const BcdLane *lane)
{
	return bcd_verify_is(lane->run, "full") || (bcd_verify_is(lane->run, "changed") && lane->verify && lane->verify->everything);
}

/*
 * Is the number of records in its list that of its linked rows, if all is well?
 */
bool
bcd_verify_can_count(const BcdResource *r)
{
	return r->id && r->list.endpoint && !r->uncounted && r->implied_without == NULL;
}

/*
 * Limits the list to records within the same texts as those that the feeds of
 * the run are linked to, since others belong to someone else.  If these are too
 * many to ask for, the whole list is read.
 */
void
bcd_verify_list_filter(BcdRun *run, BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	StringInfoData filter;
	List	   *texts = r->within ? bcd_link_texts(lane->feed->server, r->name, r->within) : NIL;
	ListCell   *lc;

	initStringInfo(&filter);
	foreach(lc, texts)
	{
		appendStringInfoString(&filter, filter.len == 0 ? psprintf("&%s:in=", r->within) : ",");
		bcd_url_escape(&filter, lfirst(lc));
		if (strchr(lfirst(lc), ',') || filter.len > MAX_FILTER)
		{
			resetStringInfo(&filter);
			break;
		}
	}
	lane->verify->list_filter = MemoryContextStrdup(lane->cxt, filter.data);
}

/*
 * For a job without items: once committed, moves to the next phase and
 * position.
 */
static void
go_on(BcdJob *job)
{
	bcd_page_taken(&job->lane->paging, &job->page);
	job->lane->phase = (int) job->found[0];
	job->lane->after = job->found[1];
	job->lane->seen += job->found[2];
}

static void
record_extra(BcdJob *job, int64 store_id, const char *kind, const char *field,
			 const char *source_value, const char *store_value)
{
	BcdDiscrepancy difference = {.store_id = store_id,.kind = kind,.field = field,.source_value = source_value,.store_value = store_value};

	difference.natural_key = store_id == 0 ? NULL : store_value;
	bcd_discrepancy_insert(job->run->run_id, job->lane->feed->name, &difference);
	job->conflicts++;
}

static void
record_count(BcdJob *job, int64 source, int64 store)
{
	record_extra(job, 0, "different", "count", psprintf(INT64_FORMAT, source), psprintf(INT64_FORMAT, store));
}

/*
 * Counts the rows of a feed without a filter. Otherwise they were counted one
 * by one.
 */
static int64
rows_counted(BcdFeed *feed)
{
	return feed->filter ? 0 : bcd_feed_count(feed);
}

/*
 * Returns how many records of a lane's resource belong to rows, in the whole
 * run; in count mode, the number of rows.
 */
static int64
records_seen(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	int64		seen = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *other = run->lanes[i];

		if (other->feed->resource == lane->feed->resource)
			seen += other->seen + (bcd_verify_is(run, "count") ? rows_counted(other->feed) : 0);
	}
	return seen;
}

/*
 * Reads the reply to a list request with limit 1, which reports the number of
 * records.
 */
static void
read_total(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	int64		total = 0;
	int64		source = records_seen(lane);

	job->taken = go_on;
	job->found[0] = DONE;
	job->found[2] = 0;
	if (!bcd_json_int64(bcd_json_path(reply, "meta.pagination.total"), &total) || total < 0)
	{
		bcd_lane_stop(lane, "the store does not report how many records it has");
		return;
	}
	if (source == total)
		return;
	if (lane->feed->resource->list.endpoint && (bcd_verify_is_full(job->lane) || lane->feed->resource->implied_without))
		job->found[0] = LIST;
	else
		record_count(job, source, total);
}

/*
 * Is this record a part of its parent, which no row of its own stands for? Then
 * it counts as seen.
 */
static bool
is_implied(const BcdResource *r, const cJSON *record)
{
	const cJSON *value;

	if (!r->implied_without)
		return false;
	value = cJSON_GetObjectItemCaseSensitive(record, r->implied_without);
	return cJSON_IsNull(value) || (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 0);
}

/* Reports a record that belongs to no row. */
void
bcd_verify_stranger(BcdJob *job, const cJSON *record, int64 id)
{
	const char *field = bcd_resource_key(job->lane->feed->resource, 0);
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, field);

	record_extra(job, id, "missing_in_source", field, NULL, cJSON_IsString(name) ? name->valuestring : NULL);
}

/* Reports a record without a usable id, which no row can be linked to. */
void
bcd_verify_without_id(BcdJob *job, const cJSON *record)
{
	const BcdResource *r = job->lane->feed->resource;
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, bcd_resource_key(r, 0));

	record_extra(job, 0, "missing_in_source", r->id, NULL,
				 psprintf("a record without a usable %s: %s%s%s", r->id,
						  bcd_id_text(record, r->id), cJSON_IsString(name) ? ", " : "",
						  cJSON_IsString(name) ? name->valuestring : ""));
}

/*
 * Reads a page of the store's list, and reports records without links. In count
 * mode the list is read only to see how many records are parts of their parents.
 */
static void
read_list(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;
	int64		total = 0;
	char		why[256];
	bool		more;

	job->taken = go_on;
	job->found[0] = DONE;
	job->found[2] = 0;
	bcd_page_read(&job->page, reply, r->id);
	if (!bcd_page_moves_on(&lane->paging, &job->page, r->list_after ? lane->after : -1,
						   why, sizeof(why)))
	{
		bcd_lane_stop(lane, why);
		return;
	}
	cJSON_ArrayForEach(record, bcd_json_path(reply, "data"))
	{
		int64		id;

		if (is_implied(r, record))
			job->found[2]++;
		else if (!bcd_verify_is_full(job->lane))
			continue;
		else if (!bcd_json_id(record, r->id, &id))
			bcd_verify_without_id(job, record);
		else if (!bcd_link_exists(lane->feed->server, lane->feed->resource, lane->feed->server_store, id))
			bcd_verify_stranger(job, record, id);
	}

	/*
	 * when paging by id, the first page is all there is, if the reply says so
	 */
	more = r->list_after ? job->page.pages != 1 : !bcd_page_is_last(&job->page, lane->after + 1, bcd_batch_limit(lane, BCD_READ));
	if (job->page.records > 0 && more)
		job->found[0] = LIST;
	else if (!bcd_verify_is_full(job->lane))
	{
		int64		seen = records_seen(lane) + job->found[2];

		if (r->uncounted)
			total = lane->paging.listed + job->page.records;
		else if (!bcd_json_int64(bcd_json_path(reply, "meta.pagination.total"), &total) || total < 0)
			bcd_lane_stop(lane, "the store does not report how many records it has");
		if (seen != total && !lane->stopped)
			record_count(job, seen, total);
	}
	job->found[1] = r->list_after ? job->page.last : lane->after + 1;
}

/* The list that tells how many records the store has, or NULL */
const BcdEndpoint *
bcd_verify_total_of(const BcdRun *run, const BcdResource *r)
{
	return r->list.endpoint || !bcd_verify_is(run, "count") ? r->list.endpoint : r->total;
}

/* The next request for the number of records, or for a page of the list */
BcdJob *
bcd_verify_plan_list(BcdRun *run, BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdJob	   *job;
	char	   *from;

	if ((lane->phase == TOTAL || lane->phase == LIST) && bcd_lacks_default(lane))
		return bcd_plan_default(lane);
	if (lane->phase == TOTAL)
	{
		job = bcd_job_create(lane, BCD_READ, "GET",
							 psprintf("%s?limit=1%s%s", bcd_verify_total_of(run, r)->path, bcd_default_filter(run, lane), lane->verify->list_filter), NULL);
		job->read = read_total;
		return job;
	}
	if (lane->phase != LIST)
		return NULL;
	from = r->list_after ? psprintf("%s=" INT64_FORMAT "&sort=id&direction=asc", r->list_after, lane->after) :
		psprintf("page=" INT64_FORMAT, lane->after + 1);
	job = bcd_job_create(lane, BCD_READ, "GET",
						 psprintf("%s?%s&%s%s%s", r->list.endpoint->path, from,
								  bcd_list_fields(r, bcd_batch_limit(lane, BCD_READ), false), bcd_default_filter(run, lane),
								  lane->verify->list_filter), NULL);
	job->read = read_list;
	return job;
}
