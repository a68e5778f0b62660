/*
 * removal_children.c
 *		Children of a record that is about to be removed.
 *
 * A store that removes a category may also remove its children.  If a row is
 * to be moved elsewhere, and that has not been done yet, its record would be
 * lost, along with fields that the mapping does not send.  So the removal
 * waits.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/removal_children.h"
#include "feed/feed.h"
#include "resource/resource.h"
#include "tables/link_below.h"
#include "tables/pending.h"

/* Delay before a removal that waits is tried again */
#define BELOW_MS	1000

static bool
is_removed(const BcdItem *item)
{
	return !item->decision.leaves && item->decision.next == BCD_REMOVE;
}

/* Finds the children of a job's records that are about to be removed. */
static BcdBelow *
find_below(BcdJob *job, uint64 *n)
{
	const BcdResource *r = job->lane->feed->resource;
	Datum	   *ids = palloc(sizeof(Datum) * (job->nitems + 1));
	dlist_iter	iter;
	int			nids = 0;

	*n = 0;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (is_removed(item))
			ids[nids++] = Int64GetDatum(item->store_id);
	}
	if (nids == 0)
		return NULL;
	ids[nids++] = Int64GetDatum(0);
	return bcd_links_below(job->lane->feed->server, r, bcd_array(INT8OID, ids, NULL, nids), n);
}

/*
 * Is the row still in the source?  Assumed if its feed has no part in the run.
 * Sets *held_up to the reason if this cannot be determined now, else to NULL.
 */
static bool
stays(BcdLane *lane, const char *key, char **held_up)
{
	*held_up = NULL;
	return lane == NULL || bcd_feed_look_for(lane->feed, key, held_up);
}

/*
 * Decides that an item waits for a row: as long as it is in progress, or
 * otherwise for a few attempts.
 */
static void
wait_for_row(BcdItem *item, BcdLane *lane, const char *feed, const char *key)
{
	const BcdRun *run = item->lane->run;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	bool		moves = lane && !lane->stopped && bcd_pending_is_in_progress(feed, key);
	char	   *text = psprintf("waiting for row %s of feed \"%s\": its record may be a child of this one and would be deleted with it",
								key, feed);

	bcd_decide_anew(item);
	if (moves || item->attempts + 1 < run->store->options->max_attempts)
		bcd_decide_wait(item, BELOW_MS, text);
	else
		bcd_decide_failed(item, BCD_FAILED, text);
	MemoryContextSwitchTo(old);
}

/*
 * Decides which items of a job, whose records are about to be removed, have to
 * wait because a child should stay.  In a transaction.
 */
void
bcd_wait_for_below(BcdJob *job)
{
	BcdBelow   *below;
	uint64		n;
	uint64		i;

	if (!bcd_resource_is_own_parent(job->lane->feed->resource))
		return;
	below = find_below(job, &n);
	if (below == NULL)
		return;
	for (i = 0; i < n; i++)
	{
		BcdLane    *lane = bcd_run_lane(job->run, below[i].feed);
		char	   *held_up;
		dlist_iter	iter;

		if (!stays(lane, below[i].key, &held_up))
			continue;
		dlist_foreach(iter, &job->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (!is_removed(item) || (below[i].parent != 0 && below[i].parent != item->store_id))
				continue;
			if (held_up)
				bcd_decide_held_up(item, held_up);
			else
				wait_for_row(item, lane, below[i].feed, below[i].key);
		}
	}
}
