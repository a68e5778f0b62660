/*
 * store_full.c
 *		Records that the store has no room for.
 *
 * A store can have a limited number of brands and of categories.  If the run
 * has read the list of all, it knows their number, and rows beyond the limit
 * fail before a request is made for them.  Otherwise the store says so.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/lookup_list.h"
#include "engine/store_full.h"
#include "resource/resource.h"

/* Returns how many records requests under way create. */
static int
under_way(const BcdLane *lane)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, (dlist_head *) &lane->run->jobs)
	{
		const BcdJob *job = dlist_container(BcdJob, node, iter.cur);

		if (job->stage == BCD_CREATE && job->lane->gates == lane->gates)
			n += job->nitems;
	}
	return n;
}

/*
 * Returns how many records can be created now; 0: no more than those under
 * way; INT_MAX: there is no limit, or it is not known to be near.
 */
int
bcd_store_room(const BcdLane *lane)
{
	int			most = lane->feed->resource->most;
	int64		records = most > 0 ? bcd_index_records(lane) : -1;

	if (records < 0)
		return INT_MAX;
	return (int) Max(most - records - under_way(lane), 0);
}

static void
read_full(BcdJob *job, const cJSON *reply)
{
	const BcdResource *r = job->lane->feed->resource;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		bcd_decide_failed(item, BCD_FAILED,
						  MemoryContextStrdup(item->cxt,
											  psprintf("the store has %d records of resource %s, the most that it can have",
													   r->most, r->name)));
		item->decision.no_lost_create = true;
	}
}

/*
 * Returns a job that fails the items that wait to be created, without a
 * request; NULL while creates are under way, since these may fail.
 */
BcdJob *
bcd_plan_full(BcdLane *lane)
{
	BcdJob	   *job;

	if (under_way(lane) > 0 || lane->gates->gate[BCD_CREATE].flying > 0)
		return NULL;
	job = bcd_job_create(lane, BCD_CREATE, NULL, NULL, NULL);
	job->read = read_full;
	while (job->nitems < BCD_PAGE_LIMIT && lane->gates->gate[BCD_CREATE].queued > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_CREATE));
	return job;
}
