/*
 * keyed.c
 *		Rows whose records have no id, but an address.
 *
 * The address consists of the values of the row's key (payload/address.c).
 * There is nothing to look up, and a create does not differ from an update: a
 * record is written at its address.  The link has the address before the first
 * write.  So if the reply to a write is lost, and the row then changes its key
 * or is deleted, it still leads to the record.  A link without a payload is
 * known by its address: "known" always has at least the fields of the key.
 *
 * A row whose key has changed has another record.  The old one is removed
 * first, and only then is the new address considered, so that rows can
 * exchange addresses.  An address belongs to one row of a feed.  While another
 * row has it, a row waits if that one may be about to give it up, and
 * otherwise fails.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/facets.h"
#include "engine/item_tasks.h"
#include "engine/keyed.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "tables/link.h"
#include "tables/pending.h"
#include "tables/pending_mark.h"

/* Delay before a row that waits for an address is tried again */
#define WAIT_MS		1000

/* Does the record of an item have no id? */
bool
bcd_is_keyed(const BcdItem *item)
{
	return item->lane->feed->resource->id == NULL;
}

/*
 * Returns the address of an item's record after its decision; if it is not
 * linked, the address that its row gives.  NULL: it has none, or has an id.
 * palloc'd.
 */
char *
bcd_item_address(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known;

	if (r->id != NULL)
		return NULL;
	known = bcd_record_after(item).known;
	if (known == NULL)
		known = item->wanted;
	return known ? bcd_record_address(r, known) : NULL;
}

/* Returns the address in bcdelta.link of a record; row: what its row wants, or NULL */
static char *
address_in_link(const BcdItem *item, const BcdItemRecord *record, Jsonb *row)
{
	const BcdResource *r = item->lane->feed->resource;

	if (r->id != NULL)
		return record->store_id != 0 ? psprintf(INT64_FORMAT, record->store_id) : NULL;
	row = record->known ? record->known : row;
	return row ? bcd_record_address(r, row) : NULL;
}

/*
 * Returns the address in bcdelta.link of the record that an item has, whether that has
 * an id or not; NULL: it has none.  palloc'd.
 */
char *
bcd_linked_address(const BcdItem *item)
{
	BcdItemRecord record = {.store_id = item->store_id,.known = item->known};

	return address_in_link(item, &record, item->linked ? item->wanted : NULL);
}

/* The same for the record that it will have after its decision. */
char *
bcd_linked_address_after(const BcdItem *item)
{
	BcdItemRecord record = bcd_record_after(item);

	return address_in_link(item, &record, item->wanted);
}

/*
 * Describes how the address that an item's row gives differs from that of its
 * link; NULL: it does not, or the record has an id.
 */
char *
bcd_keyed_moves(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	char	   *is = bcd_is_keyed(item) && item->known ? bcd_record_address(r, item->known) : NULL;
	char	   *will_be = is ? bcd_record_address(r, item->wanted) : NULL;

	if (is == NULL || (will_be && strcmp(is, will_be) == 0))
		return NULL;
	return will_be ? psprintf("its address is \"%s\", but it is linked to \"%s\"", will_be, is) :
		bcd_address_flaw(r, item->wanted);
}

/*
 * Returns the row of the feed that the item's record is linked to now, or
 * NULL.
 */
char *
bcd_keyed_owner(const BcdItem *item)
{
	char	   *address = bcd_item_address(item);

	return address && bcd_links_at(item->lane->feed->name, &address, 1) > 0 ? bcd_links_key(0) : NULL;
}

/* Describes a row of another feed that it is linked to, or returns NULL. */
char *
bcd_keyed_owner_elsewhere(const BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	char	   *address = bcd_item_address(item);

	return address ? bcd_link_owner_elsewhere(feed->name, feed->resource, address) : NULL;
}

/* Decides that the item's link to its old address is removed. */
static void
decide_leaves(BcdItem *item)
{
	BcdItemRecord *record = bcd_decide_record(item);

	record->known = record->remembered = record->sent = NULL;
	record->linked = false;
	bcd_decide_stage(item, BCD_TURN);
	item->decision.link = BCD_LINK_REMOVE;
	item->decision.group = bcd_item_group(item->lane, item->attempts);
}

/* Decides what to do with an item that needs these tasks, at least one. */
void
bcd_keyed_wants(BcdItem *item, List *tasks)
{
	const BcdTask *first = linitial(tasks);

	if (first->action == &first->facet->remove)
	{
		if (first->action->endpoint == NULL || bcd_keyed_owner_elsewhere(item))
			decide_leaves(item);
		else
			bcd_decide_stage(item, BCD_REMOVE);
		return;
	}
	(void) bcd_decide_tasks(item, tasks);
	bcd_decide_stage(item, bcd_record_after(item).known ? bcd_stage_of(first) : BCD_TURN);
}

/*
 * The record of a row that is gone has been removed, or the record at a row's
 * old address.
 */
void
bcd_decide_removed(BcdItem *item)
{
	if (item->wanted == NULL || !bcd_is_keyed(item))
		bcd_decide_done(item, BCD_DELETED, item->linked || !bcd_is_keyed(item) ? BCD_LINK_REMOVE : BCD_LINK_KEEP);
	else
		decide_leaves(item);
}

/*
 * May the refusal of a write mean that the record is gone?  Without an id,
 * this only matters if it was to be removed; and one that was to be written may
 * be there already, so that another request has to change it.
 */
bool
bcd_refusal_may_mean_gone(const BcdJob *job)
{
	const BcdResource *r = job->lane->feed->resource;

	if (r->removal_is_refused && job->stage == BCD_REMOVE)
		return true;
	if (r->id == NULL)
		return (r->gone_is_refused && job->stage == BCD_REMOVE) || (r->twin_is_refused && job->stage == BCD_UPDATE);
	return r->gone_is_refused && (job->stage == BCD_UPDATE || BCD_IS_FACET(job->stage) ||
								  (job->stage == BCD_REMOVE && r->facets->remove.endpoint->body == BCD_IDS));
}

/*
 * Returns what a reply means for a job.  A record without an id is written at
 * its address, so it cannot be missing, or exist twice.  What it is part of can
 * be, when it is read or removed.
 */
BcdVerdict
bcd_keyed_verdict(const BcdJob *job, BcdVerdict verdict)
{
	if (job->lane->feed->resource->id != NULL)
		return verdict;
	return (verdict == BCD_GONE && job->stage != BCD_REMOVE && job->stage != BCD_READ) || verdict == BCD_CONFLICT ? BCD_REFUSED : verdict;
}

/* Which row has an address that items want */
typedef struct Claim
{
	char	   *address;
	BcdItem    *item;			/* the item that gets it, or NULL */
	char	   *holder;			/* key of the row that has it, or NULL */
} Claim;

static bool
is_removal_of(const BcdItem *item, const BcdItem *wants, const char *holder)
{
	return item->lane == wants->lane && strcmp(item->key, holder) == 0;
}

/*
 * Is a row's record, at the address that an item wants, about to be removed?
 */
static bool
is_leaving(const BcdItem *wants, const char *holder)
{
	BcdRun	   *run = wants->lane->run;
	dlist_head *lists[] = {&run->jobs, &run->unsettled};
	dlist_iter	iter;
	int			i;

	dlist_foreach(iter, &wants->lane->gates->gate[BCD_REMOVE].queue)
		if (is_removal_of(dlist_container(BcdItem, node, iter.cur), wants, holder))
		return true;
	for (i = 0; i < lengthof(lists); i++)
	{
		dlist_iter	jobs;

		dlist_foreach(jobs, lists[i])
		{
			BcdJob	   *job = dlist_container(BcdJob, node, jobs.cur);

			if (job->stage != BCD_REMOVE)
				continue;
			dlist_foreach(iter, &job->items)
				if (is_removal_of(dlist_container(BcdItem, node, iter.cur), wants, holder))
				return true;
		}
	}
	return false;
}

static int
compare_claims(const void *a, const void *b)
{
	return strcmp(((const Claim *) a)->address, ((const Claim *) b)->address);
}

/*
 * Decides that an item waits for the row that has its address; or that it
 * fails, and is tried again after that row.
 */
static void
decide_waits(BcdItem *item, const char *address, const char *holder, bool may_leave)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (may_leave && item->attempts + 1 < item->lane->run->store->options->max_attempts)
		bcd_decide_wait(item, WAIT_MS, psprintf("the %s at address \"%s\" still belongs to source row %s",
												item->lane->feed->resource->name, address, holder));
	else
		bcd_decide_failed(item, BCD_FAILED, psprintf("the %s at address \"%s\" belongs to source row %s",
													 item->lane->feed->resource->name, address, holder));
	item->decision.waits_feed = pstrdup(item->lane->feed->name);
	item->decision.waits_key = pstrdup(holder);
	MemoryContextSwitchTo(old);
}

/*
 * Decides that an item can write to its address, and links the address to its
 * row.
 */
static void
decide_goes(BcdItem *item, const char *address)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	List	   *tasks;
	const BcdTask *first;

	bcd_decide_record(item)->known = bcd_known_by_address(r, address);
	/* the address has not been written to, so there are some */
	tasks = bcd_item_tasks(item);
	first = linitial(tasks);
	(void) bcd_decide_tasks(item, tasks);
	/* for the sake of a policy: somebody else may have written there */
	bcd_decide_stage(item, bcd_feed_is_guarded(item->lane->feed) ? BCD_READ : bcd_stage_of(first));
	item->decision.link = BCD_LINK_PUT;
	MemoryContextSwitchTo(old);
}

/*
 * Another row has the address that an item wants.  If that row is no longer in
 * the source, this one takes over its record, unless that is being removed.
 */
static bool
takes_over(BcdItem *item, Claim *claim)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *held_up = NULL;

	if (is_leaving(item, claim->holder) || bcd_feed_look_for(feed, claim->holder, &held_up) || held_up)
		return false;
	bcd_pending_take_over_at(feed->name, item->key, claim->address);
	return true;
}

static void
decide_turn(BcdItem *item, Claim *claim)
{
	const BcdLane *lane = item->lane;

	if (claim->item)
		decide_waits(item, claim->address, claim->item->key, false);
	else if (claim->holder && strcmp(claim->holder, item->key) != 0 && !takes_over(item, claim))
		decide_waits(item, claim->address, claim->holder,
					 is_leaving(item, claim->holder) ||
					 bcd_pending_is_in_progress(lane->feed->name, claim->holder));
	else
	{
		decide_goes(item, claim->address);
		claim->item = item;
	}
}

/*
 * Returns the claims on the addresses that the items of a lane want, sorted by
 * address.
 */
static Claim *
claims_of(BcdLane *lane, char **addresses, int *n)
{
	Claim	   *claims = palloc0(sizeof(Claim) * *n);
	uint64		found;
	uint64		i;
	int			all = *n;
	int			j;

	for (j = 0; j < all; j++)
		claims[j].address = addresses[j];
	qsort(claims, all, sizeof(Claim), compare_claims);
	*n = 0;
	for (j = 0; j < all; j++)
		if (*n == 0 || compare_claims(&claims[*n - 1], &claims[j]) != 0)
			claims[(*n)++] = claims[j];
	for (j = 0; j < *n; j++)
		addresses[j] = claims[j].address;
	found = bcd_links_at(lane->feed->name, addresses, *n);
	for (i = 0; i < found; i++)
	{
		Claim		key = {0};
		BcdLinkRow	link;
		Claim	   *claim;

		bcd_links_read(i, &link);
		key.address = link.address;
		claim = bsearch(&key, claims, *n, sizeof(Claim), compare_claims);
		if (claim)
			claim->holder = bcd_links_key(i);
	}
	return claims;
}

/* Decides on the addresses of the items of one lane. */
static void
give_turns(BcdLane *lane, BcdItem **items, int n)
{
	char	  **addresses = palloc(sizeof(char *) * n);
	char	  **wanted = palloc(sizeof(char *) * n);
	Claim	   *claims;
	int			nclaims = n;
	int			i;

	for (i = 0; i < n; i++)
		addresses[i] = wanted[i] = bcd_record_address(lane->feed->resource, items[i]->wanted);
	claims = claims_of(lane, addresses, &nclaims);
	for (i = 0; i < n; i++)
	{
		Claim		key = {wanted[i]};
		Claim	   *claim = bsearch(&key, claims, nclaims, sizeof(Claim), compare_claims);

		if (claim == NULL)
			elog(ERROR, "address \"%s\" was not claimed", wanted[i]);
		decide_turn(items[i], claim);
	}
}

/*
 * Decides on the addresses of items that have none yet, or have given up
 * theirs; lane by lane, since several feeds may write to one record.  Makes no
 * request.
 */
void
bcd_keyed_turns(BcdJob *job, const cJSON *reply)
{
	BcdItem   **items = palloc(sizeof(BcdItem *) * job->nitems);
	BcdRun	   *run = job->run;
	dlist_iter	iter;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		int			n = 0;

		dlist_foreach(iter, &job->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (item->lane == run->lanes[i])
				items[n++] = item;
		}
		if (n > 0)
			give_turns(run->lanes[i], items, n);
	}
}

/*
 * If a read would link several rows to one record, only the first row is
 * linked.
 */
void
bcd_keyed_twins(BcdJob *job)
{
	Claim	   *claims = palloc0(sizeof(Claim) * (job->nitems + 1));
	dlist_iter	iter;
	int			n = 0;
	int			i;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.link != BCD_LINK_PUT || (claims[n].address = bcd_item_address(item)) == NULL)
			continue;
		claims[n++].item = item;
	}
	qsort(claims, n, sizeof(Claim), compare_claims);
	for (i = 1; i < n; i++)
	{
		BcdItem    *item = claims[i].item;
		BcdItem    *other = claims[i - 1].item;

		if (compare_claims(&claims[i - 1], &claims[i]) != 0)
			continue;
		/* the first one must be the same in each attempt */
		if (strcmp(item->key, other->key) < 0)
		{
			item = other;
			other = claims[i].item;
		}
		bcd_decide_anew(item);
		decide_waits(item, claims[i].address, other->key, false);
		claims[i].item = other;
	}
}
