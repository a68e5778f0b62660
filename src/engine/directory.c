/*
 * directory.c
 *		Reads the store's lists that rows need to find ids by names.
 *
 * A row whose mapping calls bcdelta.named() needs a list, such as that of the
 * locations.  The first such row of a run ends its claim: no more rows of its
 * feed are claimed until the list has been read, page by page, and recorded in
 * bcdelta.directory.  Lists that no row asks for are not read, and each list is
 * read once in a run, with the token of the feed that needs it first; or again,
 * if the run has made or changed such records before a later feed needs it.
 *
 * A list that cannot be read stops its feed like any other list: until the
 * next run, or until someone resumes the feed, if the store denies access.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "base/json.h"
#include "engine/directory.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "feed/named.h"
#include "resource/name_list.h"
#include "resource/resource.h"
#include "store/paging.h"
#include "tables/directory.h"
#include "tables/pending_settle.h"

/* Records of a list; the longest that the API documents is that of brands */
#define MOST_RECORDS	100000

/* A list that is being read for a lane */
typedef struct BcdListing
{
	MemoryContext cxt;
	const BcdNameList *list;
	int			page;			/* next page to read */
	int			limit;			/* of records per page */
	BcdPaging	paging;
	Datum	   *names;			/* of the pages so far */
	Datum	   *ids;
	int			n;
} BcdListing;

static void
forget_listing(BcdLane *lane)
{
	if (lane->listing)
		MemoryContextDelete(lane->listing->cxt);
	lane->listing = NULL;
}

/*
 * Returns the most records on a page.  What a lane's own records are read with
 * tells when a page was too large; it may have larger ones than other lists.
 */
static int
page_limit(BcdLane *lane)
{
	return Min(bcd_batch_limit(lane, BCD_READ), BCD_PAGE_LIMIT);
}

/* Begins to read the first list that a lane needs. */
static void
begin_listing(BcdLane *lane)
{
	MemoryContext cxt = AllocSetContextCreate(lane->cxt, "bcdelta list", ALLOCSET_DEFAULT_SIZES);
	BcdListing *listing = MemoryContextAllocZero(cxt, sizeof(BcdListing));
	int			i = 0;

	while ((lane->lists.wanted & bcd_names_bit(bcd_names_nth(i))) == 0)
		i++;
	listing->cxt = cxt;
	listing->list = bcd_names_nth(i);
	listing->page = 1;
	listing->limit = page_limit(lane);
	lane->listing = listing;
}

/* Reads an id, which V2 may write as a text; the id of a tax class may be 0. */
static bool
read_id(const cJSON *record, const char *field, int64 *id)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, field);
	char	   *end;

	if (!cJSON_IsString(value))
		return bcd_json_int64(value, id) && *id >= 0;
	if (strspn(value->valuestring, "0123456789") != strlen(value->valuestring))
		return false;
	errno = 0;
	*id = strtoll(value->valuestring, &end, 10);
	return errno == 0 && end > value->valuestring;
}

/*
 * Adds the records of a page to the arrays, which have room for them; those
 * without a name or a usable id cannot be found.  Returns the new number.
 */
static int
add_records(const BcdNameList *list, const cJSON *reply, Datum *names, Datum *ids, int n)
{
	const cJSON *record;
	int64		id;

	cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(reply, "data"))
	{
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, list->name));

		if (name == NULL || name[0] == '\0' || !read_id(record, list->id, &id))
			continue;
		names[n] = CStringGetTextDatum(name);
		ids[n++] = Int64GetDatum(id);
	}
	return n;
}

static bool
is_last(const BcdListing *listing, const BcdPage *page)
{
	return listing->list->whole || bcd_page_is_last(page, listing->page, listing->limit);
}

/* Records a list of which this is the last page. */
static void
record_list(BcdJob *job, const BcdListing *listing, const cJSON *reply)
{
	const BcdStoreOptions *o = job->run->store->options;
	int			most = listing->n + job->page.records;
	Datum	   *names = palloc(sizeof(Datum) * Max(most, 1));
	Datum	   *ids = palloc(sizeof(Datum) * Max(most, 1));
	int			n = listing->n;

	if (n > 0)
	{
		memcpy(names, listing->names, sizeof(Datum) * n);
		memcpy(ids, listing->ids, sizeof(Datum) * n);
	}
	n = add_records(listing->list, reply, names, ids, n);
	bcd_directory_replace(o->server, o->identity, listing->list->resource,
						  bcd_array(TEXTOID, names, NULL, n), bcd_array(INT8OID, ids, NULL, n));
	/* rows that failed because one of these names was missing */
	if (bcd_pending_free_given_up(bcd_named_waits(o->server, listing->list), bcd_array(TEXTOID, names, NULL, n)))
		job->run->progressed = true;
}

/* Keeps the records of a page until the list is complete. */
static void
keep_page(BcdListing *listing, const BcdJob *job)
{
	MemoryContext old = MemoryContextSwitchTo(listing->cxt);
	Size		bytes = sizeof(Datum) * (listing->n + job->page.records + 1);

	listing->names = listing->names ? repalloc(listing->names, bytes) : palloc(bytes);
	listing->ids = listing->ids ? repalloc(listing->ids, bytes) : palloc(bytes);
	listing->n = add_records(listing->list, job->reply, listing->names, listing->ids, listing->n);
	listing->page++;
	MemoryContextSwitchTo(old);
}

/* Called after the commit */
static void
page_taken(BcdJob *job)
{
	BcdLane    *lane = job->lane;
	BcdListing *listing = lane->listing;

	if (!is_last(listing, &job->page))
	{
		keep_page(listing, job);
		bcd_page_taken(&listing->paging, &job->page);
		return;
	}
	job->run->lists.read |= bcd_names_bit(listing->list);
	lane->lists.wanted &= ~job->run->lists.read;
	forget_listing(lane);
}

static void
read_page(BcdJob *job, const cJSON *reply)
{
	BcdListing *listing = job->lane->listing;
	char		why[256];

	bcd_page_read(&job->page, reply, listing->list->id);
	if (!bcd_page_moves_on(&listing->paging, &job->page, -1, why, sizeof(why)))
		bcd_lane_stop(job->lane, psprintf("the list of %s cannot be read: %s", listing->list->words, why));
	else if (listing->n + job->page.records > MOST_RECORDS)
		bcd_lane_stop(job->lane, psprintf("the list of %s cannot be read: it has more than %d records",
										  listing->list->words, MOST_RECORDS));
	else
	{
		if (is_last(listing, &job->page))
			record_list(job, listing, reply);
		job->taken = page_taken;
	}
}

/*
 * Returns the request for the next page of the list that a lane needs.  If the
 * store has refused the size of a page, the list is read again from its
 * beginning, since the pages have shifted.
 */
BcdJob *
bcd_plan_directory(BcdLane *lane)
{
	const BcdListing *listing;
	StringInfoData url;
	BcdJob	   *job;

	if (lane->listing && lane->listing->limit != page_limit(lane))
		forget_listing(lane);
	if (lane->listing == NULL)
		begin_listing(lane);
	listing = lane->listing;
	initStringInfo(&url);
	appendStringInfoString(&url, listing->list->path);
	if (listing->list->query)
		appendStringInfo(&url, "?%s", listing->list->query);
	if (!listing->list->whole)
		appendStringInfo(&url, "%cpage=%d&limit=%d", listing->list->query ? '&' : '?', listing->page, listing->limit);
	job = bcd_job_create(lane, BCD_READ, "GET", url.data, NULL);
	job->read = read_page;
	job->lists = listing->list;
	return job;
}
