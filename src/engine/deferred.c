/*
 * deferred.c
 *		Rows that are deferred although what they wait for is linked.
 *
 * A run that links a row makes those ready that wait for it, and link_row()
 * marks them.  What remains are rows whose link appeared in another way: from
 * a dump or a subscription, or by hand at the moment when the row was
 * deferred; or whose link is valid again, since its feed leads back to its
 * store.  Searching all deferred rows in each round would make rounds as long
 * as the backlog.  So each round looks at some of them, starting where the
 * last one ended, and only if feeds or their stores have changed, or the
 * worker has just started.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/deferred.h"
#include "tables/feed.h"
#include "tables/pending_deferred.h"

/*
 * Rows of a feed that a round looks at, and rows per statement when it looks
 * at all
 */
#define SOME_ROWS		200
#define MANY_ROWS		1000

/*
 * Where the next round begins in a feed, all of whose rows were looked at once
 */
typedef struct BcdSweep
{
	int32		feed_id;
	char	   *cursor;			/* NULL: at the first row */
} BcdSweep;

static List *sweeps = NIL;		/* in TopMemoryContext, with its elements */
static int64 swept_feeds = 0;	/* state of the feeds and stores that this is
								 * valid for */

/* Forgets what was looked at if the feeds have changed. */
static void
look_at_feeds(void)
{
	int64		feeds = bcd_feeds_hash();
	ListCell   *lc;

	if (feeds == swept_feeds)
		return;
	foreach(lc, sweeps)
	{
		BcdSweep   *sweep = lfirst(lc);

		if (sweep->cursor)
			pfree(sweep->cursor);
	}
	list_free_deep(sweeps);
	sweeps = NIL;
	swept_feeds = feeds;
}

/* Returns NULL if not all of the feed's rows have been looked at. */
static BcdSweep *
sweep_of(int32 feed_id)
{
	ListCell   *lc;

	foreach(lc, sweeps)
	{
		BcdSweep   *sweep = lfirst(lc);

		if (sweep->feed_id == feed_id)
			return sweep;
	}
	return NULL;
}

static void
add_sweep(int32 feed_id)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	BcdSweep   *sweep = palloc0(sizeof(BcdSweep));

	sweep->feed_id = feed_id;
	sweeps = lappend(sweeps, sweep);
	MemoryContextSwitchTo(old);
}

/* Wakes the next rows of a feed, or all of them. */
static int64
wake_feed(BcdRun *run, const BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta deferred", ALLOCSET_DEFAULT_SIZES);
	BcdSweep   *sweep = sweep_of(feed->feed_id);
	char	   *cursor = sweep ? sweep->cursor : NULL;
	int64		woken = 0;

	do
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		char	   *next = cursor;

		CHECK_FOR_INTERRUPTS();
		woken += bcd_deferred_wake_some(feed->name, run->store->options->identity,
										sweep ? SOME_ROWS : MANY_ROWS, &next);
		MemoryContextSwitchTo(old);
		if (sweep)
			sweep->cursor = NULL;
		if (cursor)
			pfree(cursor);
		cursor = next ? MemoryContextStrdup(TopMemoryContext, next) : NULL;
		if (sweep)
			sweep->cursor = cursor;
		MemoryContextReset(cxt);
	} while (sweep == NULL && cursor);
	if (sweep == NULL)
		add_sweep(feed->feed_id);
	MemoryContextDelete(cxt);
	return woken;
}

/* Makes such rows of a run's feeds ready; returns their number. */
int64
bcd_deferred_wake(BcdRun *run)
{
	int64		woken = 0;
	int			i;

	look_at_feeds();
	for (i = 0; i < run->nlanes; i++)
		if (!run->lanes[i]->stopped)
			woken += wake_feed(run, run->lanes[i]->feed);
	return woken;
}
