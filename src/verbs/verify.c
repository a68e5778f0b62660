/*
 * verify.c
 *		The run that compares source and store without writing to either.
 *
 * In full mode, every source row is compared with its record, field by field,
 * and links whose rows are gone are listed. If the store has more records than
 * were compared, its list is read to name them. Rows with unpushed changes are
 * not compared, because they are known to differ.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/lookup.h"
#include "engine/queue.h"
#include "engine/reply_error.h"
#include "engine/source_items.h"
#include "engine/unmapped_fields.h"
#include "engine/view.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/paging.h"
#include "tables/discrepancy.h"
#include "tables/link.h"
#include "tables/link_unique.h"
#include "verbs/kinds.h"
#include "verbs/verify_record.h"

/* Longest filter of a list, in bytes */
#define MAX_FILTER	2000

static bool
is_mode(const BcdRun *run, const char *mode)
{
	return strcmp(run->mode, mode) == 0;
}

/* Reads the record of a source row, or reports that it has none. */
static void
decide_row(BcdLane *lane, BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdRow		row;
	char	   *text;

	bcd_feed_row(lane->feed, item->key, &row);
	item->wanted = row.payload;
	if (row.state == BCD_ROW_MISSING)
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	else if (row.state == BCD_ROW_DEFERRED && item->linked)
		bcd_verify_missing(lane, item, "different",
						   psprintf("refers to row %s of feed \"%s\", which is not in the store",
									row.waits_key, row.waits_feed));
	else if (row.state == BCD_ROW_INVALID)
		bcd_verify_missing(lane, item, item->linked ? "different" : "missing_in_store", row.message);
	else if (!item->linked)
		bcd_verify_missing(lane, item, "missing_in_store", NULL);
	else if ((text = bcd_keyed_moves(item)) != NULL)
		bcd_verify_missing(lane, item, "different", text);
	else
		bcd_decide_stage(item, BCD_READ);
	MemoryContextSwitchTo(old);
}

/* In count mode, counts a source row if the feed's filter accepts it. */
static void
count_row(BcdLane *lane, BcdItem *item)
{
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.seen = bcd_feed_exists(lane->feed, item->key);
}

/* Checks a link: its source row must exist, or its record must be hidden. */
static void
decide_link(BcdLane *lane, BcdItem *item)
{
	const BcdFeed *feed = lane->feed;

	if (bcd_feed_exists(lane->feed, item->key))
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	else if (is_mode(lane->run, "count"))
	{
		/* the record is hidden, but it counts */
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.seen = true;
	}
	else if (feed->on_delete == BCD_DELETE_HIDE && feed->resource->hidden_by)
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		item->wanted = bcd_payload_set_bool(NULL, feed->resource->hidden_by, feed->resource->hidden_when);
		bcd_decide_stage(item, BCD_READ);
		MemoryContextSwitchTo(old);
	}
	else
		bcd_verify_missing(lane, item, "missing_in_source", NULL);
}

static List *
next_sample(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	List	   *items;
	ListCell   *lc;

	if (lane->after > 0)
		return NIL;
	lane->after = 1;
	items = bcd_queue_links(lane, true, run->sample, cxt);
	run->progress.total += list_length(items);
	foreach(lc, items)
		decide_row(lane, lfirst(lc));
	return items;
}

static List *
next_links(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	List	   *items = bcd_queue_links(lane, false, lane->claim_rows, cxt);
	ListCell   *lc;

	foreach(lc, items)
		decide_link(lane, lfirst(lc));
	return items;
}

/*
 * Limits the list to records within the same texts as those that the feeds of
 * the run are linked to, since others belong to someone else.  If these are too
 * many to ask for, the whole list is read.
 */
static void
find_list_filter(BcdRun *run, BcdLane *lane)
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
	lane->list_filter = MemoryContextStrdup(lane->cxt, filter.data);
}

static List *
verify_claim(BcdRun *run, BcdLane *lane, MemoryContext cxt)
{
	if (lane->list_filter == NULL)
		find_list_filter(run, lane);
	if (lane->phase == ROWS && is_mode(run, "full"))
		return bcd_items_of_source(run, lane, cxt, decide_row);
	if (lane->phase == ROWS && is_mode(run, "sample"))
		return next_sample(run, lane, cxt);
	if (lane->phase == ROWS && lane->feed->filter)
		return bcd_items_of_source(run, lane, cxt, count_row);
	if (lane->phase == LINKS)
		return next_links(run, lane, cxt);
	return NIL;
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
	bcd_discrepancy_insert(job->run->run_id, job->lane->feed->name, NULL, store_id, kind, NULL, field, source_value, store_value, NULL);
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
			seen += other->seen + (is_mode(run, "count") ? rows_counted(other->feed) : 0);
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
	if (lane->feed->resource->list.endpoint && (is_mode(job->run, "full") || lane->feed->resource->implied_without))
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

/* Reports a record without a usable id, which no row can be linked to. */
static void
record_without_id(BcdJob *job, const cJSON *record)
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
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, bcd_resource_key(r, 0));
		int64		id;

		if (is_implied(r, record))
			job->found[2]++;
		else if (!is_mode(job->run, "full"))
			continue;
		else if (!bcd_json_id(record, r->id, &id))
			record_without_id(job, record);
		else if (!bcd_link_exists(lane->feed->server, lane->feed->resource, lane->feed->server_store, id))
			record_extra(job, id, "missing_in_source", bcd_resource_key(r, 0), NULL,
						 cJSON_IsString(name) ? name->valuestring : NULL);
	}

	/*
	 * when paging by id, the first page is all there is, if the reply says so
	 */
	more = r->list_after ? job->page.pages != 1 : !bcd_page_is_last(&job->page, lane->after + 1, bcd_batch_limit(lane, BCD_READ));
	if (job->page.records > 0 && more)
		job->found[0] = LIST;
	else if (!is_mode(job->run, "full"))
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
static const BcdEndpoint *
total_of(const BcdRun *run, const BcdResource *r)
{
	return r->list.endpoint || !is_mode(run, "count") ? r->list.endpoint : r->total;
}

/* The run succeeds, but says that a feed was not counted. */
static void
tell_uncounted(BcdRun *run, const BcdFeed *feed)
{
	char	   *before = run->warning ? psprintf("%s; ", run->warning) : "";

	run->warning = MemoryContextStrdup(run->cxt,
									   psprintf("%sfeed \"%s\" was not counted, because the store does not tell the number of records of resource %s; use mode full",
												before, feed->name, feed->resource->name));
}

static BcdJob *
verify_plan(BcdRun *run, BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	BcdJob	   *job;
	char	   *from;

	if ((lane->phase == TOTAL || lane->phase == LIST) && bcd_lacks_default(lane))
		return bcd_plan_default(lane);
	if (lane->phase == TOTAL)
	{
		job = bcd_job_create(lane, BCD_READ, "GET",
							 psprintf("%s?limit=1%s%s", total_of(run, r)->path, bcd_default_filter(run, lane), lane->list_filter), NULL);
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
								  lane->list_filter), NULL);
	job->read = read_list;
	return job;
}

static bool
verify_asks(const BcdLane *lane)
{
	return lane->phase == TOTAL || lane->phase == LIST;
}

/*
 * Returns whether links have to be read: in count mode only if records may be
 * hidden.
 */
static bool
reads_links(const BcdRun *run, const BcdLane *lane)
{
	return is_mode(run, "full") ||
		(is_mode(run, "count") && lane->feed->on_delete == BCD_DELETE_HIDE);
}

/*
 * Moves to the next phase. Only the last feed of a resource requests the
 * number of records and the list, because they are the same for all of its
 * feeds.
 */
static bool
verify_lane_done(BcdRun *run, BcdLane *lane)
{
	int			i;

	if (lane->phase == ROWS && reads_links(run, lane))
		lane->phase = LINKS;
	else if (lane->phase < TOTAL && !is_mode(run, "sample") && total_of(run, lane->feed->resource))
	{
		lane->phase = lane->feed->resource->uncounted ? LIST : TOTAL;
		for (i = run->nlanes - 1; run->lanes[i] != lane; i--)
			if (run->lanes[i]->feed->resource == lane->feed->resource)
				lane->phase = DONE;
	}
	else if (lane->phase < TOTAL)
	{
		if (is_mode(run, "count"))
			tell_uncounted(run, lane->feed);
		lane->phase = DONE;
	}
	lane->after = 0;
	return lane->phase != DONE;
}

const BcdRunKind bcd_verify_kind = {
	.name = "verify",
	.claim = verify_claim,
	.decide_read = bcd_verify_read,
	.plan = verify_plan,
	.asks = verify_asks,
	.lane_done = verify_lane_done,
};
