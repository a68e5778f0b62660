/*
 * keyed_read.c
 *		Reads records by their addresses.
 *
 * A request asks for as many records as fit into a page and a URL.  Its reply
 * may be nested, with the locations of an item of stock, for example
 * (BcdShape).  A record is found in it by its address, and passed on as an
 * object with the resource's field names.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/keyed_read.h"
#include "engine/lookup.h"
#include "engine/view.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "payload/task.h"

/*
 * Size of a query that proxies can be expected to accept: most allow 8 kB for a
 * whole line. If one does not, its refusal makes later requests smaller.
 */
#define QUERY_BYTES		8000

/* Room for the names of parameters and everything that is not in a list */
#define QUERY_REST		300

/* A record in a reply */
typedef struct Listed
{
	char	   *address;
	const cJSON *record;
	const cJSON *above;			/* the object that contains it, or the same */
} Listed;

/* The same, while the fields of its address are read */
typedef struct Reading
{
	const BcdResource *resource;
	const Listed *listed;
	const char *identity;		/* the only one of these fields to be
								 * considered */
} Reading;

static const cJSON *
value_in(const BcdResource *r, const Listed *listed, const char *field)
{
	const BcdPlace *place = r->shape ? r->shape->places : NULL;

	while (place && place->field && strcmp(place->field, field) != 0)
		place++;
	if (place == NULL || place->field == NULL)
		return cJSON_GetObjectItemCaseSensitive(listed->record, field);
	return bcd_json_path(place->above ? listed->above : listed->record, place->path);
}

/* A BcdAddressValue: returns a field of a record in a reply. */
static char *
text_in(const char *field, const void *arg)
{
	const Reading *reading = arg;
	const char *const *other = reading->resource->keys[0].one_of;
	const cJSON *value;
	int64		n;

	for (; other && *other && reading->identity; other++)
		if (strcmp(*other, field) == 0 && strcmp(reading->identity, field) != 0)
			return NULL;
	value = value_in(reading->resource, reading->listed, field);
	if (bcd_json_int64(value, &n))
		return psprintf(INT64_FORMAT, n);
	return cJSON_IsString(value) && value->valuestring[0] ? pstrdup(value->valuestring) : NULL;
}

static void
add_listed(List **all, const BcdResource *r, const cJSON *above, const cJSON *record)
{
	static const char *const none[] = {NULL};
	const char *const *identity = r->keys[0].one_of ? r->keys[0].one_of : none;

	do
	{
		Listed	   *listed = palloc0(sizeof(Listed));
		Reading		reading = {r, listed, *identity};

		listed->above = above;
		listed->record = record;
		listed->address = bcd_address_of(r, text_in, &reading);
		if (listed->address)
			*all = lappend(*all, listed);
	} while (*identity && *++identity);
}

static int
compare_listed(const void *a, const void *b)
{
	return strcmp((*(Listed *const *) a)->address, (*(Listed *const *) b)->address);
}

/*
 * Returns the records of a reply, sorted by address, and sets *n to their
 * number.
 */
static Listed **
listed_in(const BcdResource *r, const cJSON *reply, int *n)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	const cJSON *above;
	const cJSON *record;
	List	   *all = NIL;
	Listed	  **listed;
	ListCell   *lc;

	cJSON_ArrayForEach(above, data)
	{
		if (r->shape == NULL || r->shape->below == NULL)
			add_listed(&all, r, above, above);
		else
			cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(above, r->shape->below))
				add_listed(&all, r, above, record);
	}
	*n = 0;
	listed = palloc(sizeof(Listed *) * (list_length(all) + 1));
	foreach(lc, all)
		listed[(*n)++] = lfirst(lc);
	qsort(listed, *n, sizeof(Listed *), compare_listed);
	return listed;
}

static bool
add_member(cJSON *flat, const BcdResource *r, const Listed *listed, const char *name)
{
	const cJSON *value = name ? value_in(r, listed, name) : NULL;

	return value == NULL || cJSON_AddItemReferenceToObject(flat, name, (cJSON *) value);
}

/* Returns a record with the resource's field names; it refers to the reply. */
static cJSON *
flattened(const BcdResource *r, const Listed *listed)
{
	cJSON	   *flat = cJSON_CreateObject();
	bool		whole = flat != NULL && add_member(flat, r, listed, r->open_if) && add_member(flat, r, listed, r->dated ? "date_modified" : NULL);
	int			i;

	for (i = 0; i < r->nfields && whole; i++)
		whole = add_member(flat, r, listed, r->fields[i].name);
	if (whole)
		return flat;
	cJSON_Delete(flat);
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return NULL;
}

/*
 * Returns what an item is read by: the address of its record or, if it has
 * none, its row.
 */
static Jsonb *
addressed_by(const BcdItem *item)
{
	return item->known && bcd_record_address(item->lane->feed->resource, item->known) ? item->known : item->wanted;
}

static void
decide_listed(BcdItem *item, const Listed *listed)
{
	cJSON	   *record = flattened(item->lane->feed->resource, listed);

	PG_TRY();
	{
		item->lane->run->kind->decide_read(item, record);
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
read_by_address(BcdJob *job, const cJSON *reply)
{
	const BcdResource *r = job->lane->feed->resource;
	bool		cut = bcd_reply_is_cut(job, reply);
	int			n;
	Listed	  **listed = listed_in(r, reply, &n);
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		Listed		key = {bcd_record_address(r, addressed_by(item))};
		Listed	   *key_at = &key;
		Listed	  **found = bsearch(&key_at, listed, n, sizeof(Listed *), compare_listed);

		if (found)
			decide_listed(item, *found);
		else if (!cut)
			job->run->kind->decide_read(item, NULL);
		else if (job->nitems > 1)
		{
			bcd_decide_stage(item, BCD_READ);
			item->decision.group = job->nitems / 2;
		}
	}
}

/* Returns what a read of an item asks for. */
static BcdTask *
task_of(const BcdItem *item, const BcdAction *view)
{
	BcdTask    *task = palloc0(sizeof(BcdTask));

	task->resource = item->lane->feed->resource;
	task->facet = task->resource->facets;
	task->action = view;
	task->row = addressed_by(item);
	return task;
}

/* What a request asks for; the hash makes most comparisons cheap */
typedef struct Asked
{
	char	   *path;
	uint32		hash;
} Asked;

/*
 * Does a request with n paths already ask for this one, as for two locations
 * of an item?
 */
static bool
is_asked_for(const Asked *asked, int n, const Asked *one)
{
	while (n-- > 0)
		if (asked[n].hash == one->hash && strcmp(asked[n].path, one->path) == 0)
			return true;
	return false;
}

/* Items whose records one request can ask for, such as those of a price list */
typedef struct Kind
{
	BcdTask    *task;			/* of the first of them */
	int			n;
} Kind;

#define MOST_KINDS		16

/*
 * Returns the first item's task of the most frequent kind of a queue, so that a
 * few items of another kind do not take a request before there are more; one
 * that is frequent enough to fill a request will do.
 */
static BcdTask *
most_frequent(BcdGate *gate, const BcdAction *view, int enough)
{
	Kind		kinds[MOST_KINDS] = {{NULL}};
	int			nkinds = 0;
	int			most = 0;
	int			i;
	dlist_iter	iter;

	dlist_foreach(iter, &gate->queue)
	{
		BcdTask    *task = task_of(dlist_container(BcdItem, node, iter.cur), view);

		for (i = 0; i < nkinds && !bcd_task_may_join(kinds[i].task, task); i++)
			;
		if (i == MOST_KINDS)
			continue;
		if (i == nkinds)
			kinds[nkinds++] = (Kind)
		{
			task, 0
		};
		kinds[i].n++;
		if (kinds[i].n > kinds[most].n)
			most = i;
		if (kinds[most].n >= enough)
			break;
	}
	return kinds[most].task;
}

/*
 * Returns the next request for records that are to be read, or NULL.  Items
 * that do not fit into it are left for another one.
 */
BcdJob *
bcd_keyed_read_job(BcdLane *lane)
{
	const BcdView *view = &lane->feed->resource->view;
	BcdAction  *action = palloc0(sizeof(BcdAction));
	BcdGate    *gate = &lane->gates->gate[BCD_READ];
	int			most = bcd_batch_limit(lane, BCD_READ);
	BcdTask   **tasks = palloc(sizeof(BcdTask *) * most);
	Asked	   *asked = palloc(sizeof(Asked) * most);
	List	   *items = NIL;
	int			bytes = QUERY_REST;
	int			n = 0;
	bool		full = false;
	bool		waits = !lane->exhausted && !lane->gates->send_partial;
	BcdTask    *first;
	StringInfoData url;
	dlist_iter	iter;
	ListCell   *lc;
	BcdJob	   *job;

	if (gate->queued == 0 || (waits && gate->queued == gate->too_few) || !bcd_endpoint_is_free(lane, BCD_READ))
		return NULL;
	action->endpoint = view->endpoint;
	action->query = view->query;
	first = most_frequent(gate, action, most);
	dlist_foreach(iter, &gate->queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		BcdTask    *task = task_of(item, action);
		Asked		one;

		if (!bcd_task_may_join(first, task))
			continue;
		one.path = bcd_task_path(&task, 1);
		one.hash = hash_bytes((const unsigned char *) one.path, strlen(one.path));
		if (!is_asked_for(asked, n, &one))
		{
			full = n >= Min(most, item->group) || bytes + bcd_task_query_bytes(task) > QUERY_BYTES;
			if (full)
				break;
			bytes += bcd_task_query_bytes(task);
			asked[n] = one;
			tasks[n++] = task;
		}
		items = lappend(items, item);
	}
	gate->too_few = !full && waits ? gate->queued : 0;
	if (gate->too_few > 0)
		return NULL;
	initStringInfo(&url);
	appendStringInfoString(&url, bcd_task_path(tasks, n));
	bcd_append_fields(&url, lane, BCD_READ, view->endpoint);
	job = bcd_job_create(lane, BCD_READ, view->endpoint->method, url.data, NULL);
	job->read = read_by_address;
	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		dlist_delete(&item->node);
		gate->queued--;
		bcd_job_take(job, item);
	}
	return job;
}
