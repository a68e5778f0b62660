/*
 * queue.c
 *		Makes items of rows of bcdelta.pending and bcdelta.link.
 *
 * The table files know feeds and rows; here they become lanes and items.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/queue.h"
#include "engine/sent_fields.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/link_write.h"
#include "tables/pending.h"
#include "tables/pending_claim.h"
#include "tables/pending_wait.h"
#include "tables/tally.h"

/*
 * Selects up to limit ready rows of the lane's feed, which the caller claims
 * with bcd_queue_take() in the same transaction.  Returns them as items that
 * are in no queue yet; the list is in cxt.
 */
List *
bcd_queue_select(BcdLane *lane, int64 limit, MemoryContext cxt)
{
	const BcdFeed *feed = lane->feed;
	List	   *items = NIL;
	uint64		n;
	uint64		i;

	bcd_plans_fit();
	n = bcd_pending_to_claim(feed->name, feed->feed_id, feed->version, lane->cursor, limit);
	for (i = 0; i < n; i++)
	{
		BcdItem    *item = bcd_item_create(lane, bcd_pending_claimed_key(i));
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		BcdClaimed	row;

		bcd_pending_claimed(i, &row);
		item->attempts = row.attempts;
		item->store_id = row.store_id;
		item->linked = row.address != NULL;
		item->known = bcd_known_at(feed->resource, row.address, row.payload);
		item->lost_create = row.lost_create;
		item->group = bcd_claimed_group(item);
		item->remembered = row.remembered;
		item->sent = row.sent;
		item->found = row.found;
		item->aside = row.aside;
		item->doubt = row.doubt;
		item->in_doubt = row.doubt != NULL;
		item->written_ms = row.written_ms;
		item->tid = row.tid;
		item->changed_at = row.changed_at;
		item->captured_at = row.captured_at;
		MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
	}
	return items;
}

/* Does a decision made during a claim leave nothing to be done for the row? */
static bool
is_done(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->made && d->leaves && d->pending == BCD_PENDING_DONE && item->aside == NULL;
}

/*
 * Claims the rows of items that are decided on: those that need nothing leave
 * bcdelta.pending, those that are postponed stay ready, and the others are in
 * flight.  Changes that are folded before this would be lost, since they do
 * not show in rows that are ready already.
 */
void
bcd_queue_take(List *items)
{
	ItemPointerData *taken = palloc(sizeof(ItemPointerData) * list_length(items));
	ItemPointerData *dropped = palloc(sizeof(ItemPointerData) * list_length(items));
	JsonbParseState *intents = NULL;
	int			ntaken = 0;
	int			ndropped = 0;
	ListCell   *lc;

	foreach(lc, items)
	{
		BcdItem    *item = lfirst(lc);

		item->decision.dropped = is_done(item);
		if (item->decision.dropped)
			dropped[ndropped++] = item->tid;
		else if (!item->decision.postponed)
		{
			taken[ntaken++] = item->tid;
			bcd_push_sent_fields(&intents, item);
		}
	}
	if (ndropped > 0)
		bcd_pending_drop(dropped, ndropped);
	if (ntaken > 0)
		bcd_pending_take(taken, ntaken,
						 intents ? JsonbValueToJsonb(pushJsonbValue(&intents, WJB_END_OBJECT, NULL)) : NULL);
}

/* Called when a claim is committed: the next one starts behind this key. */
void
bcd_queue_claimed(BcdLane *lane, const char *last_key)
{
	if (lane->cursor)
		pfree(lane->cursor);
	lane->cursor = last_key ? MemoryContextStrdup(lane->cxt, last_key) : NULL;
}

static void
set_link(BcdItem *item, const BcdLinkRow *link)
{
	item->store_id = link->store_id;
	item->linked = true;
	item->known = bcd_known_at(item->lane->feed->resource, link->address, link->payload);
	item->remembered = link->remembered;
	item->sent = link->sent;
	item->aside = link->aside;
}

/*
 * Returns links as items: the next ones behind the lane's cursor, or a random
 * sample.  The list is in cxt; the caller moves the cursor.
 */
List *
bcd_queue_links(BcdLane *lane, bool sample, int64 limit, MemoryContext cxt)
{
	List	   *items = NIL;
	uint64		n = bcd_links_select(lane->feed->name, lane->cursor, sample, limit);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdItem    *item = bcd_item_create(lane, bcd_links_key(i));
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		BcdLinkRow	link;

		bcd_links_read(i, &link);
		set_link(item, &link);
		MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
	}
	return items;
}

/* Returns the keys of items, in their order. */
List *
bcd_item_keys(List *items)
{
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, items)
		keys = lappend(keys, ((BcdItem *) lfirst(lc))->key);
	return keys;
}

/* The item of a key among some, or NULL */
static BcdItem *
item_of(List *items, const char *key)
{
	ListCell   *lc;

	foreach(lc, items)
		if (strcmp(((BcdItem *) lfirst(lc))->key, key) == 0)
		return lfirst(lc);
	return NULL;
}

/* Fills in the links of some of a lane's items, which are few, if they have any. */
void
bcd_queue_links_of(BcdLane *lane, List *items)
{
	uint64		n = bcd_links_of(lane->feed->name, bcd_item_keys(items));
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdItem    *item = item_of(items, bcd_links_key(i));
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		BcdLinkRow	link;

		bcd_links_read(i, &link);
		set_link(item, &link);
		MemoryContextSwitchTo(old);
	}
}

void
bcd_queue_link_of(BcdLane *lane, BcdItem *item)
{
	bcd_queue_links_of(lane, list_make1(item));
}

/*
 * Returns the names of a run's feeds as a text array; if active, without
 * stopped ones.
 */
static Datum
feed_names(const BcdRun *run, bool active)
{
	Datum	   *names = palloc(sizeof(Datum) * (run->nlanes + 1));
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (!active || !run->lanes[i]->stopped)
			names[n++] = CStringGetTextDatum(run->lanes[i]->feed->name);
	return bcd_array(TEXTOID, names, NULL, n);
}

/* Returns whether a run, or any run, may have rows of a resource. */
static bool
concerns(const BcdRun *run, const BcdResource *resource)
{
	int			i;

	for (i = 0; run && i < run->nlanes; i++)
		if (run->lanes[i]->feed->resource == resource)
			return true;
	return run == NULL;
}

/*
 * Resets rows that are marked as in flight but are not.  Called when the
 * worker starts (run NULL: for all feeds), and before a run begins, since its
 * rows may have been restored from a dump.
 */
void
bcd_queue_recover(const BcdRun *run)
{
	Datum		feeds = run ? feed_names(run, false) : (Datum) 0;
	const BcdResource *r;
	int			i;

	for (i = 0; (r = bcd_resource_nth(i)) != NULL; i++)
		if (concerns(run, r))
			bcd_links_forget_in_flight(feeds, r);
	bcd_pending_recover(feeds);
	if (run)
		bcd_pending_give_back(feeds);
	else
		bcd_pending_delete_orphans();
}

/*
 * Makes rows ready again that a run has claimed and not sent; called at its
 * end.
 */
void
bcd_queue_release(BcdRun *run)
{
	bcd_pending_release(feed_names(run, false));
}

/*
 * Makes rows ready that are due.
 *
 * Returns their number, and sets *next_ms to the milliseconds until more are
 * due, or to -1 if none is waiting.  Rows that are not due are not read.
 */
int64
bcd_queue_wake(BcdRun *run, int64 *next_ms)
{
	return bcd_pending_wake(feed_names(run, true), next_ms);
}

/*
 * Returns how many ready rows of the run's feeds had changed before the run
 * began; counts up to most (0: all).
 */
int64
bcd_queue_count_old(BcdRun *run, int64 most)
{
	return bcd_pending_count_old(feed_names(run, true), run->began, most);
}

/* Returns how many rows of the run's feeds are in one of these states. */
static int64
count_in(const BcdRun *run, const char *const *states, int nstates)
{
	const char **feeds = palloc(sizeof(char *) * Max(run->nlanes, 1));
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (!run->lanes[i]->stopped)
			feeds[n++] = run->lanes[i]->feed->name;
	return bcd_tally_of(feeds, n, states, nstates);
}

/* Returns how many rows of the run's feeds are in a state. */
int64
bcd_queue_count(BcdRun *run, const char *state)
{
	return count_in(run, &state, 1);
}

/*
 * Is a row of the run's feeds ready?  The tally is asked first: mostly no row
 * is, and the index says so only after passing all rows that the run has
 * claimed.
 */
bool
bcd_queue_has_ready(BcdRun *run)
{
	return bcd_queue_count(run, "ready") > 0 && bcd_pending_any_ready(feed_names(run, true));
}
