/*
 * item.c
 *		Items: their life, their queues, and the decisions made of them.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "clock.h"
#include "engine.h"
#include "payload.h"
#include "queue.h"

/* An item for a key, fresh: it is in a queue once its claim is committed. */
BcdItem *
bcd_item_create(BcdLane *lane, const char *key)
{
	MemoryContext cxt = AllocSetContextCreate(lane->cxt, "bcdelta item", ALLOCSET_SMALL_SIZES);
	BcdItem    *item = MemoryContextAllocZero(cxt, sizeof(BcdItem));

	item->cxt = cxt;
	item->lane = lane;
	item->key = MemoryContextStrdup(cxt, key);
	item->group = INT_MAX;
	lane->items++;
	dlist_push_tail(&lane->fresh, &item->node);
	return item;
}

/*
 * How many items a request may have with one that came to nothing so often:
 * one of them may be why all failed.  So they come back in ever smaller groups,
 * and at last alone.
 */
int
bcd_item_group(const BcdLane *lane, int attempts)
{
	if (attempts == 0)
		return INT_MAX;
	if (attempts + 1 >= lane->run->store->options->max_attempts)
		return 1;
	return Max(BCD_PAGE_LIMIT >> Min(2 * attempts, 8), 1);
}

/* The item leaves the run; it is in this lane. */
void
bcd_item_free(BcdLane *lane, BcdItem *item)
{
	lane->items--;
	lane->bytes -= item->bytes;
	MemoryContextDelete(item->cxt);
}

/* The item leaves undecided; its row is given back at the run's end. */
void
bcd_item_give_up(BcdLane *lane, BcdItem *item)
{
	lane->run->gave_up |= item->unsure;
	bcd_item_free(lane, item);
}

void
bcd_item_queue(BcdLane *lane, BcdItem *item, BcdStage stage)
{
	dlist_push_tail(&lane->queue[stage], &item->node);
	lane->queued[stage]++;
}

/* To the head of a queue: an item that was to be sent already. */
void
bcd_item_first(BcdLane *lane, BcdItem *item, BcdStage stage)
{
	dlist_push_head(&lane->queue[stage], &item->node);
	lane->queued[stage]++;
}

/* The next item of a queue, or NULL. */
BcdItem *
bcd_item_pop(BcdLane *lane, BcdStage stage)
{
	if (dlist_is_empty(&lane->queue[stage]))
		return NULL;
	lane->queued[stage]--;
	return dlist_container(BcdItem, node, dlist_pop_head_node(&lane->queue[stage]));
}

/* The item is finished. */
void
bcd_decide_done(BcdItem *item, BcdOutcome outcome, BcdLinkAction link)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = true;
	d->outcome = outcome;
	d->link = link;
	d->pending = BCD_PENDING_DONE;
}

/* The item is given up until its row changes or somebody says retry(). */
void
bcd_decide_failed(BcdItem *item, BcdOutcome outcome, char *error)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = true;
	d->outcome = outcome;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_FAIL;
	d->error = error;
}

/* The record that an item's natural key names is another row's. */
void
bcd_decide_taken(BcdItem *item, int64 store_id, const char *other)
{
	char	   *text = psprintf("%s \"%s\" belongs to record " INT64_FORMAT
								" of the store, which source row %s is linked to",
								item->lane->feed->resource->natural[item->natural_index],
								item->natural, store_id, other);

	bcd_decide_failed(item, BCD_FAILED, MemoryContextStrdup(item->cxt, text));
}

/* The item is tried again later, from the start: the row is read anew. */
void
bcd_decide_wait(BcdItem *item, int64 delay_ms, char *error)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = true;
	d->outcome = BCD_RETRY;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_WAIT;
	d->delay_ms = delay_ms;
	d->error = error;
}

/* The item goes on to another stage; nothing is recorded. */
void
bcd_decide_stage(BcdItem *item, BcdStage stage)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = false;
	d->next = stage;
	d->outcome = BCD_NO_OUTCOME;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_KEEP;
}

/*
 * Decides what an item without a link needs: to be looked up, and created if
 * it is not found.
 */
void
bcd_item_wants_record(BcdItem *item)
{
	bcd_decide_stage(item, BCD_LOOKUP);
	bcd_natural_key(item);
}

/*
 * Decides what an item with a link needs: nothing, or an update with the
 * fields in which the record differs.
 */
void
bcd_item_wants_write(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	item->body = bcd_payload_changes(item->lane->feed->resource, item->wanted, item->known);
	MemoryContextSwitchTo(old);
	if (bcd_payload_count(item->body) > 0)
		bcd_decide_stage(item, bcd_item_claims_key(item) ? BCD_TURN : BCD_UPDATE);
	else if (item->looked_up)
		bcd_decide_done(item, BCD_LINKED, BCD_LINK_PUT);
	else
		bcd_decide_done(item, BCD_UNCHANGED,
						bcd_item_forget_unmapped(item) ? BCD_LINK_PUT : BCD_LINK_KEEP);
}

/* There is no record: the row needs all that the API requires for a new one. */
void
bcd_item_wants_create(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *missing = bcd_payload_missing(item->lane->feed->resource, item->wanted);

	if (missing)
		bcd_decide_failed(item, BCD_INVALID,
						  psprintf("%s: the row has no value, and the API requires one for a new record",
								   missing));
	else
	{
		bcd_decide_stage(item, BCD_CREATE);
		bcd_seek_note(item);
	}
	MemoryContextSwitchTo(old);
}

static const char *const outcome_names[] = {
	[BCD_NO_OUTCOME] = "",
	[BCD_CREATED] = "created",
	[BCD_UPDATED] = "updated",
	[BCD_DELETED] = "deleted",
	[BCD_HIDDEN] = "hidden",
	[BCD_LINKED] = "linked",
	[BCD_UNCHANGED] = "unchanged",
	[BCD_FAILED] = "failed",
	[BCD_RETRY] = "retry",
	[BCD_DEFERRED] = "deferred",
	[BCD_INVALID] = "invalid",
};

const char *
bcd_outcome_name(BcdOutcome outcome)
{
	return outcome_names[outcome];
}

/* Adds an outcome to a run's totals.  Deferred rows are counted at its end. */
void
bcd_count_outcome(BcdRun *run, BcdOutcome outcome)
{
	BcdRunCounts *c = &run->counts;

	switch (outcome)
	{
		case BCD_CREATED:
			c->created++;
			break;
		case BCD_UPDATED:
			c->updated++;
			break;
		case BCD_DELETED:
			c->deleted++;
			break;
		case BCD_HIDDEN:
			c->hidden++;
			break;
		case BCD_LINKED:
			c->linked++;
			break;
		case BCD_UNCHANGED:
			c->unchanged++;
			break;
		case BCD_FAILED:
		case BCD_INVALID:
			c->failed++;
			break;
		case BCD_DEFERRED:
			if (!run->kind->claims)
				c->deferred++;
			break;
		case BCD_NO_OUTCOME:
		case BCD_RETRY:
			break;
	}
}

/* What an item holds changes with its stages. */
static void
weigh(BcdLane *lane, BcdItem *item)
{
	lane->bytes -= item->bytes;
	item->bytes = MemoryContextMemAllocated(item->cxt, true);
	lane->bytes += item->bytes;
}

static bool
has_record(const dlist_head *items, int64 store_id)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) items)
		if (dlist_container(BcdItem, node, iter.cur)->store_id == store_id)
		return true;
	return false;
}

static bool
jobs_have_record(const dlist_head *jobs, const BcdResource *resource, int64 store_id,
				 BcdStage from)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		BcdJob	   *job = dlist_container(BcdJob, node, iter.cur);

		if (job->stage >= from && job->lane->feed->resource == resource &&
			has_record(&job->items, store_id))
			return true;
	}
	return false;
}

/*
 * Is a write to a record of the lane's resource waiting or under way?  From
 * BCD_UPDATE on: any write, BCD_REMOVE: its end.
 */
bool
bcd_record_is_written(BcdLane *lane, int64 store_id, BcdStage from)
{
	BcdRun	   *run = lane->run;
	const BcdResource *resource = lane->feed->resource;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *other = run->lanes[i];

		if (other->feed->resource == resource &&
			((from <= BCD_UPDATE && has_record(&other->queue[BCD_UPDATE], store_id)) ||
			 has_record(&other->queue[BCD_REMOVE], store_id)))
			return true;
	}
	return jobs_have_record(&run->jobs, resource, store_id, from) ||
		jobs_have_record(&run->unsettled, resource, store_id, from);
}

/* Notes that an item's record is not in the store any more. */
void
bcd_record_removed(BcdItem *item)
{
	BcdRun	   *run = item->lane->run;
	BcdRemoval *removal = &run->removed[run->removals++ % BCD_REMOVALS];

	removal->resource = item->lane->feed->resource;
	removal->store_id = item->store_id;
}

/*
 * Has a record of the lane's resource been removed since the run had removed
 * so many?  When that is too long ago it may have been.
 */
bool
bcd_record_was_removed(const BcdLane *lane, int64 store_id, int64 since)
{
	const BcdRun *run = lane->run;
	int64		i;

	if (run->removals - since > BCD_REMOVALS)
		return true;
	for (i = since; i < run->removals; i++)
	{
		const BcdRemoval *removal = &run->removed[i % BCD_REMOVALS];

		if (removal->store_id == store_id && removal->resource == lane->feed->resource)
			return true;
	}
	return false;
}

/* The item goes on in another lane. */
void
bcd_item_hand_over(BcdLane *from, BcdLane *to, BcdItem *item, BcdStage stage)
{
	from->items--;
	from->bytes -= item->bytes;
	to->items++;
	to->bytes += item->bytes;
	bcd_item_queue(to, item, stage);
}

/*
 * Is the row of an item that leaves through with it?  Each row counts once:
 * not when it is to come back, and not when a verify looks at its link, too.
 */
static bool
is_finished(const BcdLane *lane, const BcdDecision *d)
{
	if (lane->run->kind->claims)
		return d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_FAIL;
	return d->pending != BCD_PENDING_READY && lane->phase == 0;
}

/*
 * After the commit: the item leaves, or goes on in the lane that it is in.
 * stage is the one it comes from, -1 for a new item; to the same stage it
 * returns at the head.
 */
void
bcd_item_move(BcdLane *lane, BcdItem *item, int stage)
{
	BcdDecision d = item->decision;

	memset(&item->decision, 0, sizeof(item->decision));
	bcd_count_outcome(lane->run, d.outcome);
	item->lane->outcomes[d.outcome]++;
	lane->run->counts.conflicts += d.conflicts;
	lane->moved += stage != BCD_TURN;
	if (d.leaves)
	{
		lane->run->progress.done += is_finished(item->lane, &d);
		bcd_item_free(lane, item);
		return;
	}
	/* a batch that was refused, or that its reply tells in part */
	if (d.link == BCD_LINK_PUT)
		item->unsure = false;
	else if (stage == BCD_UPDATE && d.outcome == BCD_RETRY)
		item->unsure = true;
	if (item->lane->stopped)
	{
		bcd_item_give_up(lane, item);
		return;
	}
	weigh(lane, item);
	item->attempts += d.attempted;
	if (d.link == BCD_LINK_PUT || d.link == BCD_LINK_REMOVE)
		item->linked = d.link == BCD_LINK_PUT;
	if (d.sought || d.unsought || item->linked)
		item->sought = d.sought;
	if (item->seeking && item->wanted && stage == BCD_LOOKUP && (d.unsought || d.next != stage))
		bcd_seek_end(item);
	if (d.clashes)
	{
		item->clashed = true;
		item->refusal = d.error;
		item->refusal_status = d.status;
		item->clashes++;
		if (stage == BCD_UPDATE && d.next == BCD_LOOKUP)
			item->own_id = item->store_id;
	}
	if ((int) d.next == stage)
		bcd_item_first(lane, item, d.next);
	else
		bcd_item_queue(lane, item, d.next);
}

/*
 * Items of the next source rows, with their links; decide says what becomes
 * of each.  In a claim: see BcdRunKind.
 */
List *
bcd_items_of_source(BcdRun *run, BcdLane *lane, MemoryContext cxt,
					void (*decide) (BcdLane *lane, BcdItem *item))
{
	List	   *items = NIL;
	int64		began = bcd_now_ms();
	int			n;

	if (lane->keys == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(lane->cxt);

		lane->keys = bcd_keylist_create(lane->feed);
		MemoryContextSwitchTo(old);
		run->progress.total += bcd_keylist_count(lane->keys);
	}
	for (n = 0; n < lane->claim_rows; n++)
	{
		char	   *key;
		MemoryContext old;
		BcdItem    *item;

		if (n > 0 && bcd_now_ms() - began > BCD_CLAIM_MAX_MS)
			break;
		key = bcd_keylist_next(lane->keys);
		if (key == NULL)
			break;
		item = bcd_item_create(lane, key);
		old = MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
		bcd_queue_link_of(lane, item);
		decide(lane, item);
	}
	return items;
}
