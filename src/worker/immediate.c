/*
 * immediate.c
 *		Pushes changes of some feeds as soon as they are committed.
 *
 * The worker shows in shared memory which feeds these are. The transaction
 * that captures a change of such a feed looks there, without a lock; its commit
 * sets a mark, and wakes the worker if the mark was not set. So however many
 * sessions commit, they call the worker once. It gathers changes for a moment,
 * clears the mark, and only then folds: what is committed later sets the mark
 * again.
 */
#include "postgres.h"

#include "base/bcdelta.h"
#include "base/db.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "engine/engine.h"
#include "feed/database_identity.h"
#include "tables/feed_immediate.h"
#include "tables/run.h"
#include "worker/immediate.h"

static int64 gathers_until = 0; /* monotonic ms; 0: nothing was committed */

/*
 * Returns the milliseconds until changes have to be looked at that were
 * committed, or PG_INT64_MAX.
 */
int64
bcd_immediate_delay(BcdWorkerSlot *slot, int64 now)
{
	if (pg_atomic_read_u32(&slot->committed) == 0)
		return PG_INT64_MAX;
	if (gathers_until == 0)
		gathers_until = now + bcd_gather_time;
	return Max(gathers_until - now, 0);
}

/* Changes that are committed from now on may not be seen by what follows. */
void
bcd_immediate_begin(BcdWorkerSlot *slot)
{
	gathers_until = 0;
	(void) pg_atomic_exchange_u32(&slot->committed, 0);
}

/* Is any feed pushed at once? */
bool
bcd_immediate_any(const BcdWorkerSlot *slot)
{
	int			i;

	for (i = 0; i < lengthof(slot->immediate); i++)
		if (slot->immediate[i] != 0)
			return true;
	return false;
}

/* Shows which feeds are pushed at once. */
static void
publish(BcdWorkerSlot *slot, List *feeds)
{
	uint64		bits[BCD_FEED_BITS / 64] = {0};
	ListCell   *lc;

	foreach(lc, feeds)
		bcd_feed_bit_set(bits, ((BcdImmediateFeed *) lfirst(lc))->feed_id);
	if (memcmp(bits, slot->immediate, sizeof(bits)) != 0)
		memcpy(slot->immediate, bits, sizeof(bits));
}

/* Requests runs for what has been folded; in a transaction. */
void
bcd_immediate_look(BcdWorkerSlot *slot)
{
	List	   *feeds = bcd_feeds_immediate(bcd_home());
	ListCell   *lc;

	publish(slot, feeds);
	foreach(lc, feeds)
	{
		const BcdImmediateFeed *feed = lfirst(lc);
		BcdRunRequest request = {.kind = "push",.mode = "immediate"};

		if (!feed->due)
			continue;
		request.feed = feed->feed;
		request.server = feed->server;
		request.role = feed->owner;
		(void) bcd_run_insert(&request);
		bcd_engine.requested = true;
	}
}
