/*
 * removal_children.c
 *		Records below one that is about to be removed.
 *
 * A store that removes a category may remove what is below it, too.  Where a
 * row is to be moved elsewhere, and that has not been done yet, its record
 * would go, and with it what the mapping does not send.  So the removal waits.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/removal_children.h"
#include "feed/feed.h"
#include "resource/resource.h"
#include "tables/queue.h"
#include "utils/builtins.h"

/* A removal that waits comes back so much later */
#define BELOW_MS	1000

/*
 * Rows with changes to be pushed, and which of the records in $5 theirs is
 * below, as far as the links tell; 0: it is not known where it is, since a
 * payload without the natural key ($4) was forgotten.  Rows that are gone, too,
 * are among them.
 */
static BcdStatement rows_below = {
	"WITH RECURSIVE places AS ("
	"  SELECT l.feed, l.key, l.store_id, CASE"
	"  WHEN jsonb_typeof(l.payload -> $3) = 'number' THEN nullif((l.payload -> $3)::int8, 0)"
	"  WHEN NOT coalesce(l.payload ? $4, false) THEN 0 END AS parent"
	"  FROM bcdelta.feed AS f JOIN bcdelta.link AS l USING (feed)"
	"  WHERE f.server = $1 AND f.resource = $2),"
	" above AS ("
	"  SELECT feed, key, parent FROM places JOIN bcdelta.pending AS p USING (feed, key)"
	" UNION"
	"  SELECT a.feed, a.key, l.parent FROM above AS a JOIN places AS l ON l.store_id = a.parent)"
	" SELECT parent, feed, key FROM above WHERE parent = ANY ($5) ORDER BY feed, key",
	5, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, INT8ARRAYOID}
};

static bool
is_removed(const BcdItem *item)
{
	return !item->decision.leaves && item->decision.next == BCD_REMOVE;
}

/* A row of theirs */
typedef struct BcdBelow
{
	int64		parent;			/* 0: not known */
	char	   *feed;
	char	   *key;
} BcdBelow;

/* What is below records of a job's items that are about to be removed. */
static BcdBelow *
find_below(BcdJob *job, uint64 *n)
{
	const BcdResource *r = job->lane->feed->resource;
	Datum	   *ids = palloc(sizeof(Datum) * (job->nitems + 1));
	BcdBelow   *below;
	Datum		args[5];
	dlist_iter	iter;
	int			nids = 0;
	uint64		i;

	*n = 0;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (is_removed(item))
			ids[nids++] = Int64GetDatum(item->store_id);
	}
	if (nids == 0)
		return NULL;
	args[0] = DirectFunctionCall1(namein, CStringGetDatum(job->lane->feed->server));
	args[1] = CStringGetTextDatum(r->name);
	args[2] = CStringGetTextDatum(r->parent);
	args[3] = CStringGetTextDatum(bcd_resource_key(r, 0));
	ids[nids++] = Int64GetDatum(0);
	args[4] = bcd_array(INT8OID, ids, NULL, nids);
	*n = bcd_execute(&rows_below, args, NULL);
	below = palloc(sizeof(BcdBelow) * (*n + 1));
	for (i = 0; i < *n; i++)
	{
		below[i].parent = bcd_column_int64(i, 1, NULL);
		below[i].feed = bcd_column_text(i, 2);
		below[i].key = bcd_column_text(i, 3);
	}
	return below;
}

/*
 * Is the row still in the source?  That of a feed which has no part in the run
 * is.  *held_up: why it cannot be told now, or NULL.
 */
static bool
stays(BcdLane *lane, const char *key, char **held_up)
{
	*held_up = NULL;
	return lane == NULL || bcd_feed_look_for(lane->feed, key, held_up);
}

/* For as long as the row is on its way, and a few attempts if it is not. */
static void
wait_for_row(BcdItem *item, BcdLane *lane, const char *feed, const char *key)
{
	const BcdRun *run = item->lane->run;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	bool		moves = lane && !lane->stopped && bcd_queue_is_in_progress(feed, key);
	char	   *text = psprintf("row %s of feed \"%s\" is to be pushed first: its record may be below this one in the store, and be removed with it",
								key, feed);

	memset(&item->decision, 0, sizeof(item->decision));
	if (moves || item->attempts + 1 < run->store->options->max_attempts)
		bcd_decide_wait(item, BELOW_MS, text);
	else
		bcd_decide_failed(item, BCD_FAILED, text);
	MemoryContextSwitchTo(old);
}

/*
 * Of the items of a job whose records are about to be removed, those with
 * something below them that is to stay are decided to wait.  In a transaction.
 */
void
bcd_wait_for_below(BcdJob *job)
{
	BcdBelow   *below;
	uint64		n;
	uint64		i;

	if (job->lane->feed->resource->parent == NULL)
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
