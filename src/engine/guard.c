/*
 * guard.c
 *		Which records are read before they are written, since others may have
 *		changed them.
 *
 * A policy other than "source" asks for that, of a feed or of a field that is
 * written; a conflict that was decided; a field that each update repeats; and one
 * with an adjustment, if the record is written as a whole.
 */
#include "postgres.h"

#include "engine/adjust.h"
#include "engine/guard.h"
#include "engine/keyed.h"
#include "engine/repeated.h"
#include "engine/whole_writes.h"
#include "feed/policy.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/conflict.h"

/* What is asked of the fields that an item's tasks send */
typedef struct Guard
{
	const BcdFeed *feed;
	BcdCurrentConflicts current;
	bool		needed;
} Guard;

static void
look_for_guard(const char *name, JsonbValue *value, void *arg)
{
	Guard	   *g = arg;

	g->needed |= bcd_policy_of(g->feed, name) != BCD_POLICY_SOURCE ||
		(g->current.states && bcd_payload_has(g->current.states, name));
}

/* Do these tasks write fields that the store may have other values of? */
static bool
are_guarded(const BcdItem *item, List *tasks)
{
	Guard		g = {.feed = item->lane->feed};
	ListCell   *lc;
	char	   *address;

	if (!bcd_feed_is_guarded(g.feed))
		return false;
	address = g.feed->disputed ? bcd_linked_address(item) : NULL;
	if (address)
		bcd_conflicts_of(g.feed->name, address, &g.current);
	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (task->fields && task->facet->collection == NULL)
			bcd_payload_each(task->fields, look_for_guard, &g);
	}
	return g.needed;
}

/*
 * Does an item have to be read before these tasks are carried out, since the
 * store may have other values of their fields?  Where a row's record has no id,
 * and is not there yet, its address is taken first (keyed.c).
 */
bool
bcd_item_is_guarded(const BcdItem *item, List *tasks)
{
	if (bcd_repeated_is_unread(item, tasks) || bcd_whole_is_unread(item, tasks))
		return true;
	return item->linked && !item->aside && are_guarded(item, tasks) && bcd_keyed_moves(item) == NULL;
}

/*
 * The record of a claimed item is about to be read before these tasks, to see
 * what others have changed.  Decides that the row waits, if the store does not
 * show yet what we have written of a guarded field; else returns false.
 */
bool
bcd_guard_waits(BcdItem *item, List *tasks)
{
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = lfirst(lc);
		const BcdEndpoint *endpoint = task->facet->update.endpoint;
		Guard		g = {.feed = item->lane->feed};

		if (task->facet->collection || task->fields == NULL || endpoint == NULL || endpoint->reply == NULL || endpoint->reply->delay_ms == 0)
			continue;
		bcd_payload_each(task->fields, look_for_guard, &g);
		if (g.needed && bcd_waits_to_be_shown(item, task->facet))
			return true;
	}
	return false;
}
