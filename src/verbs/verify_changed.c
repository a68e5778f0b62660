/*
 * verify_changed.c
 *		A verify of what may have changed since the last one.
 *
 * What we have written since then was confirmed by the replies, and costs
 * nothing. What others have touched is in the store's list of records changed
 * since the watermark: its pages show the fields, which are compared at once.
 * Records that were deleted, or made without a date, are found by counting
 * (count_tree.c). All rows that seem to differ, and those that differed the last
 * time, are then looked at together, as the doubtful ones of any verify.
 *
 * The last lane of a resource asks for all of its feeds; the others wait.
 * Nothing is remembered before everything is done: see verify_proof.c.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/reply_error.h"
#include "engine/source_items.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "payload/datetime.h"
#include "resource/resource.h"
#include "store/count_tree.h"
#include "store/paging.h"
#include "tables/discrepancy.h"
#include "tables/link.h"
#include "tables/link_ids.h"
#include "tables/proven.h"
#include "verbs/verify_changed.h"
#include "verbs/verify_found.h"
#include "verbs/verify_list.h"
#include "verbs/verify_proof.h"
#include "verbs/verify_record.h"

/*
 * How far to go back behind the watermark: the store's clock is known to a
 * second or two, and what is written at that time may get its date later
 */
#define SLACK_S		120

/* Do all lanes of its resource ask at the same gates? */
static bool
is_together(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->feed->resource == lane->feed->resource && run->lanes[i]->gates != lane->gates)
			return false;
	return true;
}

/*
 * Reads what the last verify has found, in the transaction of the lane's first
 * claim.  Without one to build on, everything is compared.
 */
void
bcd_changed_begin(BcdRun *run, BcdLane *lane)
{
	const BcdFeed *feed = lane->feed;
	BcdVerify  *v = lane->verify;
	MemoryContext old = MemoryContextSwitchTo(lane->cxt);

	v->everything = !is_together(lane) || feed->server_store == NULL ||
		!bcd_proven_read(feed->server, feed->resource->name, feed->server_store, SLACK_S, &v->last);
	lane->doubtful = v->everything ? NIL : bcd_discrepancy_in_doubt(v->last.run_id, feed->name);
	MemoryContextSwitchTo(old);
}

/*
 * Was the record changed after the last verify?  Pages begin a little earlier,
 * with records that it has seen.
 */
static bool
is_new(const BcdVerify *v, const cJSON *record)
{
	const cJSON *date = cJSON_GetObjectItemCaseSensitive(record, "date_modified");

	return !cJSON_IsString(date) || !bcd_is_earlier(date->valuestring, v->last.watermark);
}

/* Compares the rows that are linked to a record on a page of changed ones. */
static void
compare_changed(BcdJob *job, const cJSON *record, int64 id)
{
	BcdLane    *lane = job->lane;
	BcdVerify  *v = lane->verify;
	const BcdRun *run = lane->run;
	int			i;

	if (!bcd_link_exists(lane->feed->server, lane->feed->resource, lane->feed->server_store, id))
	{
		bcd_found_stranger(job, record, id);
		return;
	}
	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *other = run->lanes[i];
		char	   *key = other->feed->resource == lane->feed->resource ? bcd_link_key(other->feed->name, id) : NULL;

		if (key == NULL)
			continue;
		if (!bcd_verify_agrees(other, key, record))
			bcd_found_doubt(lane, other, key);
		else
			v->found.agree++;
		v->found.touched += is_new(v, record) && !bcd_link_pushed_since(other->feed->name, key, v->last.proven_at);
	}
}

/* Does the next page of a list follow, or the next step? */
static bool
is_last_page(BcdJob *job)
{
	const BcdLane *lane = job->lane;
	const BcdResource *r = lane->feed->resource;

	if (job->page.records == 0)
		return true;
	return r->list_after ? job->page.pages == 1 : bcd_page_is_last(&job->page, lane->after + 1, bcd_batch_limit(job->lane, BCD_READ));
}

/* Reads a page; returns false if the list does not advance. */
static bool
begin_page(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	char		why[256];

	bcd_found_begin(lane->verify);
	bcd_page_read(&job->page, reply, r->id);
	if (bcd_page_moves_on(&lane->paging, &job->page, r->list_after ? lane->after : -1, why, sizeof(why)))
		return true;
	bcd_lane_stop(lane, why);
	return false;
}

static void
page_taken(BcdJob *job)
{
	BcdLane    *lane = job->lane;

	bcd_page_taken(&lane->paging, &job->page);
	lane->after = lane->feed->resource->list_after ? job->page.last : lane->after + 1;
	bcd_found_take(lane);
}

static void
begin_list(BcdLane *lane, int phase)
{
	memset(&lane->paging, 0, sizeof(lane->paging));
	lane->after = 0;
	lane->phase = phase;
}

/* All changed records were seen: counts them, if possible. */
static void
begin_counting(BcdLane *lane)
{
	begin_list(lane, bcd_verify_can_count(lane->feed->resource) ? COUNTS : COUNTED);
}

static void
changed_taken(BcdJob *job)
{
	page_taken(job);
	if (job->found[0])
		begin_counting(job->lane);
}

/* Reads a page of the records that were changed since the watermark. */
static void
read_changed(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;

	job->taken = changed_taken;
	bcd_found_load_ids(lane);
	if (!begin_page(job, reply))
		return;
	cJSON_ArrayForEach(record, bcd_json_path(reply, "data"))
	{
		int64		id;

		if (bcd_json_id(record, r->id, &id))
			compare_changed(job, record, id);
		else
			bcd_verify_without_id(job, record);
	}
	job->found[0] = is_last_page(job);
}

/* Goes on with what the tree wants to know next. */
static void
next_of_tree(BcdLane *lane)
{
	switch (bcd_tree_next(&lane->verify->tree))
	{
		case BCD_TREE_COUNT:
			lane->phase = COUNTS;
			break;
		case BCD_TREE_LIST:
			lane->verify->listed.n = 0;
			begin_list(lane, RANGES);
			break;
		case BCD_TREE_DONE:
			lane->phase = COUNTED;
			break;
	}
}

static void
count_taken(BcdJob *job)
{
	BcdLane    *lane = job->lane;
	BcdVerify  *v = lane->verify;

	if (v->counting)
		bcd_tree_counted(&v->tree, job->found[0]);
	else
	{
		v->counting = true;
		v->tree.page = bcd_batch_limit(lane, BCD_READ);
		v->tree.ranges = lane->feed->resource->ranges;
		bcd_tree_begin(&v->tree, v->ids.of, v->ids.n, job->found[0]);
	}
	next_of_tree(lane);
}

/* Reads the number of records, of all or in a range of ids. */
static void
read_count(BcdJob *job, const cJSON *reply)
{
	int64		total;

	bcd_found_load_ids(job->lane);
	if (!bcd_json_int64(bcd_json_path(reply, "meta.pagination.total"), &total) || total < 0 || total > PG_INT32_MAX)
	{
		bcd_lane_stop(job->lane, "the store does not report how many records it has");
		return;
	}
	job->found[0] = total;
	job->taken = count_taken;
}

/* The ids in the range that were not listed are missing. */
static void
find_missing(BcdLane *lane)
{
	BcdVerify  *v = lane->verify;
	const BcdRange *range = bcd_tree_range(&v->tree);
	BcdIds		all = {0};
	int			i;

	for (i = 0; i < v->listed.n; i++)
		bcd_ids_add(lane, &all, v->listed.of[i]);
	for (i = 0; i < v->found.listed.n; i++)
		bcd_ids_add(lane, &all, v->found.listed.of[i]);
	qsort(all.of, all.n, sizeof(int64), bcd_ids_compare);
	for (i = range->first; i < range->first + range->n; i++)
		if (!bcd_ids_have(&all, v->tree.ids[i]) && !bcd_found_doubts_of(lane, v->tree.ids[i]))
			bcd_ids_add(lane, &v->found.dropped, v->tree.ids[i]);
	if (all.of)
		pfree(all.of);
}

static void
range_taken(BcdJob *job)
{
	bool		done = job->found[0];

	page_taken(job);
	if (!done)
		return;
	bcd_tree_listed(&job->lane->verify->tree);
	next_of_tree(job->lane);
}

/* Reads a page of the records in a range whose number is not as expected. */
static void
read_range(BcdJob *job, const cJSON *reply)
{
	BcdLane    *lane = job->lane;
	BcdVerify  *v = lane->verify;
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;

	job->taken = range_taken;
	if (!begin_page(job, reply))
		return;
	cJSON_ArrayForEach(record, bcd_json_path(reply, "data"))
	{
		int64		id;

		if (!bcd_json_id(record, r->id, &id))
			continue;
		bcd_ids_add(lane, &v->found.listed, id);
		if (!bcd_ids_have(&v->ids, id) && !bcd_link_exists(lane->feed->server, r, lane->feed->server_store, id))
		{
			/* not among those that the tree counts on */
			bcd_ids_add(lane, &v->found.dropped, id);
			bcd_verify_stranger(job, record, id);
		}
	}
	job->found[0] = is_last_page(job);
	if (job->found[0])
		find_missing(lane);
}

/* Appends the bounds of a range, as far as it has any. */
static void
append_range(StringInfo url, const BcdRange *range, int64 after)
{
	int64		low = Max(range->low, after + 1);

	if (low > 1)
		appendStringInfo(url, "&id:min=" INT64_FORMAT, low);
	if (range->high < PG_INT64_MAX)
		appendStringInfo(url, "&id:max=" INT64_FORMAT, range->high);
}

/* Appends the position in a list. */
static void
append_page(StringInfo url, const BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;

	if (r->list_after)
		appendStringInfo(url, "&%s=" INT64_FORMAT "&sort=id&direction=asc", r->list_after, lane->after);
	else
		appendStringInfo(url, "&page=" INT64_FORMAT, lane->after + 1);
}

static void
append_filters(StringInfo url, BcdRun *run, BcdLane *lane)
{
	appendStringInfo(url, "%s%s", bcd_default_filter(run, lane), lane->verify->list_filter);
}

/* The next request of the last lane of a resource */
BcdJob *
bcd_changed_plan(BcdRun *run, BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdVerify  *v = lane->verify;
	StringInfoData url;
	BcdJob	   *job;

	if (bcd_lacks_default(lane))
		return bcd_plan_default(lane);
	initStringInfo(&url);
	if (lane->phase == DATES)
	{
		appendStringInfo(&url, "%s?date_modified:min=%s", r->changed.endpoint->path, v->last.from);
		append_page(&url, lane);
		if (r->changed.query)
			appendStringInfo(&url, "&%s", r->changed.query);
		append_filters(&url, run, lane);
		bcd_append_fields(&url, lane, BCD_READ, r->changed.endpoint);
	}
	else if (lane->phase == COUNTS)
	{
		appendStringInfo(&url, "%s?limit=1", r->list.endpoint->path);
		if (v->counting)
			append_range(&url, &v->tree.half, 0);
		append_filters(&url, run, lane);
	}
	else
	{
		appendStringInfo(&url, "%s?%s", r->list.endpoint->path, bcd_list_fields(r, bcd_batch_limit(lane, BCD_READ), false));
		append_range(&url, bcd_tree_range(&v->tree), r->list_after ? lane->after : 0);
		if (r->list_after)
			appendStringInfoString(&url, "&sort=id&direction=asc");
		else
			append_page(&url, lane);
		append_filters(&url, run, lane);
	}
	job = bcd_job_create(lane, BCD_READ, "GET", url.data, NULL);
	job->read = lane->phase == DATES ? read_changed : lane->phase == COUNTS ? read_count : read_range;
	return job;
}

static BcdLane *
last_of_resource(BcdRun *run, const BcdLane *lane)
{
	int			i = run->nlanes - 1;

	while (run->lanes[i]->feed->resource != lane->feed->resource)
		i--;
	return run->lanes[i];
}

/*
 * A lane has nothing left to do in its phase: moves on to the next one.  All
 * lanes of a resource look at their doubtful rows when the last one has counted.
 */
void
bcd_changed_next(BcdRun *run, BcdLane *lane)
{
	BcdLane    *last = last_of_resource(run, lane);

	if (lane->phase == AGAIN)
		lane->phase = DONE;
	else if (last->phase == COUNTED || last->stopped)
		bcd_verify_again(run, lane);
	else if (lane == last && lane->phase == ROWS && lane->feed->resource->changed.endpoint)
		begin_list(lane, DATES);
	else if (lane == last && lane->phase == ROWS)
		begin_counting(lane);
	if (lane == last && lane->phase == COUNTED)
		bcd_verify_again(run, lane);
}
