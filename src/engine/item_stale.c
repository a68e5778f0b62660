/*
 * item_stale.c
 *		Reads rows again that refer to a record which is removed while they are
 *		on their way.
 *
 * Such a row was read when the record still existed.  Its own record may have
 * no link yet, so that only the item shows what it refers to; for example, if
 * two categories were deleted with their parent, and one has to be created
 * again below the other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/item_stale.h"
#include "payload/payload.h"
#include "payload/reference.h"
#include "resource/resource.h"
#include "tables/pending_mark.h"

/*
 * Argument of search functions: does a row's payload contain one of these ids?
 */
typedef struct Search
{
	const BcdResource *resource;	/* of the row */
	const char *refers_to;
	const int64 *ids;
	int			n;
	bool		found;
} Search;

/* A BcdReferenceReader */
static void
look_at_id(const char *resource, const JsonbValue *value, void *arg)
{
	Search	   *s = arg;
	int64		id;
	int			i;

	if (value->type != jbvNumeric || strcmp(resource, s->refers_to) != 0)
		return;
	id = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
	for (i = 0; i < s->n; i++)
		s->found |= s->ids[i] == id;
}

static void
look_in_field(const char *name, JsonbValue *value, void *arg)
{
	Search	   *s = arg;
	const BcdField *field = bcd_resource_field(s->resource, name);

	if (field)
		bcd_field_references(field, value, look_at_id, s);
}

static bool
refers_to_one(const BcdItem *item, Search *s)
{
	s->found = false;
	s->resource = item->lane->feed->resource;
	if (item->wanted)
		bcd_payload_each(item->wanted, look_in_field, s);
	return s->found;
}

static void
mark_stale(List *items)
{
	Datum	   *feeds = palloc(sizeof(Datum) * list_length(items));
	Datum	   *keys = palloc(sizeof(Datum) * list_length(items));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, items)
	{
		BcdItem    *item = lfirst(cell);

		item->stale = true;
		feeds[n] = CStringGetTextDatum(item->lane->feed->name);
		keys[n++] = CStringGetTextDatum(item->key);
	}
	bcd_pending_mark(bcd_array(TEXTOID, feeds, NULL, n), bcd_array(TEXTOID, keys, NULL, n));
}

static void
each_of(dlist_head *items, void (*look) (BcdItem *item, void *arg), void *arg)
{
	dlist_iter	iter;

	dlist_foreach(iter, items)
		look(dlist_container(BcdItem, node, iter.cur), arg);
}

/*
 * Calls a function for all items of a run except those of the job being
 * settled.
 */
static void
each_item(BcdRun *run, void (*look) (BcdItem *item, void *arg), void *arg)
{
	dlist_head *lists[] = {&run->jobs, &run->unsettled};
	dlist_iter	job;
	int			i;
	int			stage;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdGates   *gates = bcd_run_gates(run, i);

		for (stage = 0; gates && stage < BCD_STAGES; stage++)
			each_of(&gates->gate[stage].queue, look, arg);
	}
	for (i = 0; i < lengthof(lists); i++)
	{
		dlist_foreach(job, lists[i])
			each_of(&dlist_container(BcdJob, node, job.cur)->items, look, arg);
	}
}

typedef struct Stale
{
	Search		search;
	List	   *items;
} Stale;

static void
find_stale(BcdItem *item, void *arg)
{
	Stale	   *stale = arg;

	if (refers_to_one(item, &stale->search))
		stale->items = lappend(stale->items, item);
}

/*
 * The records of a job's items are gone, or about to go.  Makes sure that
 * items which refer to them are read again, before they continue or after
 * their request.  In a transaction, after the job's decisions are recorded.
 */
void
bcd_expire_referrers(BcdJob *job)
{
	Stale		stale = {{NULL, job->lane->feed->resource->name, NULL, 0, false}, NIL};
	int64	   *ids = palloc(sizeof(int64) * (job->nitems + 1));
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.gone_id != 0)
			ids[stale.search.n++] = item->decision.gone_id;
	}
	if (stale.search.n == 0)
		return;
	stale.search.ids = ids;
	each_item(job->run, find_stale, &stale);
	each_of(&job->items, find_stale, &stale);
	if (stale.items != NIL)
		mark_stale(stale.items);
}

/*
 * Finds the item of the row that a refused item refers to, if it is in the
 * run.
 */
static void
find_referred(BcdItem *other, void *arg)
{
	BcdItem    *item = arg;
	Search		search = {NULL, other->lane->feed->resource->name, &other->store_id, 1, false};

	if (item->decision.waits_feed != NULL || other->store_id == 0 || !refers_to_one(item, &search))
		return;
	item->decision.waits_feed = MemoryContextStrdup(item->cxt, other->lane->feed->name);
	item->decision.waits_key = MemoryContextStrdup(item->cxt, other->key);
}

/*
 * A refused item may refer to a record that another item is about to find
 * gone.  Lets it try once more when that item's row is done.  Called before
 * the job's decisions are recorded.
 */
void
bcd_retry_after_referred(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.pending == BCD_PENDING_FAIL && item->decision.outcome == BCD_FAILED)
			each_item(job->run, find_referred, item);
	}
}
