/*
 * item.c
 *		Items: their life, their queues, and the decisions they carry out.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/asking.h"
#include "engine/directory.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/item.h"
#include "engine/parts.h"
#include "engine/run_forecast.h"
#include "engine/stage.h"
#include "engine/stop_criteria.h"
#include "engine/undo_unsent.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Creates an item for a key; it is queued once its claim is committed. */
BcdItem *
bcd_item_create(BcdLane *lane, const char *key)
{
	MemoryContext cxt = AllocSetContextCreate(lane->cxt, "bcdelta item", ALLOCSET_SMALL_SIZES);
	BcdItem    *item = MemoryContextAllocZero(cxt, sizeof(BcdItem));

	item->cxt = cxt;
	item->lane = lane;
	item->key = MemoryContextStrdup(cxt, key);
	item->group = INT_MAX;
	item->changed_at = item->captured_at = DT_NOBEGIN;
	lane->gates->items++;
	dlist_push_tail(&lane->fresh, &item->node);
	return item;
}

/* Removes an item, which waits at this lane's gates, from the run. */
void
bcd_item_free(BcdLane *lane, BcdItem *item)
{
	bcd_nested_leaves(lane->gates, item);
	lane->gates->items--;
	lane->gates->bytes -= item->bytes;
	MemoryContextDelete(item->cxt);
}

/* Removes an item without a decision; its row is given back when the run ends. */
void
bcd_item_give_up(BcdLane *lane, BcdItem *item)
{
	lane->run->gave_up |= item->unsure;
	bcd_undo_unsent(item);
	bcd_item_free(lane, item);
}

void
bcd_item_queue(BcdLane *lane, BcdItem *item, BcdStage stage)
{
	dlist_push_tail(&lane->gates->gate[stage].queue, &item->node);
	lane->gates->gate[stage].queued++;
}

/* Puts an item at the head of a queue: it was to be sent before the others. */
static void
bcd_item_first(BcdLane *lane, BcdItem *item, BcdStage stage)
{
	dlist_push_head(&lane->gates->gate[stage].queue, &item->node);
	lane->gates->gate[stage].queued++;
}

/* Removes and returns the next item of a queue, or NULL. */
BcdItem *
bcd_item_pop(BcdLane *lane, BcdStage stage)
{
	if (dlist_is_empty(&lane->gates->gate[stage].queue))
		return NULL;
	lane->gates->gate[stage].queued--;
	return dlist_container(BcdItem, node, dlist_pop_head_node(&lane->gates->gate[stage].queue));
}

/* How many items at the head of a queue were on no page of a list so far? */
int
bcd_items_swept(const BcdGate *gate)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, (dlist_head *) &gate->queue)
	{
		if (!dlist_container(BcdItem, node, iter.cur)->swept)
			break;
		n++;
	}
	return n;
}

/* Adds an outcome to a run's totals.  Deferred rows are counted at its end. */
static void
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

/* Updates the size of an item, which changes with its stages. */
static void
weigh(BcdLane *lane, BcdItem *item)
{
	lane->gates->bytes -= item->bytes;
	item->bytes = MemoryContextMemAllocated(item->cxt, true);
	lane->gates->bytes += item->bytes;
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

/* May the requests of a stage change natural keys, or remove records? */
static bool
is_concerned(const BcdResource *resource, BcdStage stage, bool updates)
{
	return stage == BCD_REMOVE || (updates && (stage == BCD_UPDATE || stage == bcd_stage_of_keys(resource)));
}

static bool
jobs_have_record(const dlist_head *jobs, const BcdResource *resource, int64 store_id, bool updates)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		BcdJob	   *job = dlist_container(BcdJob, node, iter.cur);

		if (is_concerned(resource, job->stage, updates) && job->lane->feed->resource == resource &&
			has_record(&job->items, store_id))
			return true;
	}
	return false;
}

/*
 * Is an item with this record, of the lane's resource, about to be removed, or,
 * if updates count, to be changed: waiting or under way?
 */
static bool
is_concerned_now(BcdLane *lane, int64 store_id, bool updates)
{
	BcdRun	   *run = lane->run;
	const BcdResource *resource = lane->feed->resource;
	int			i;
	int			stage;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdGates   *gates = bcd_run_gates(run, i);

		for (stage = 0; gates && gates->resource == resource && stage < BCD_STAGES; stage++)
			if (is_concerned(resource, stage, updates) && has_record(&gates->gate[stage].queue, store_id))
				return true;
	}
	return jobs_have_record(&run->jobs, resource, store_id, updates) ||
		jobs_have_record(&run->unsettled, resource, store_id, updates);
}

/* Is a record about to be changed or removed? */
bool
bcd_record_is_written(BcdLane *lane, int64 store_id)
{
	return is_concerned_now(lane, store_id, true);
}

bool
bcd_record_is_leaving(BcdLane *lane, int64 store_id)
{
	return is_concerned_now(lane, store_id, false);
}

/* Notes that an item's record is no longer in the store. */
void
bcd_record_removed(BcdItem *item)
{
	BcdRun	   *run = item->lane->run;
	BcdRemoval *removal = &run->removed[run->removals++ % BCD_REMOVALS];

	removal->resource = item->lane->feed->resource;
	removal->store_id = item->store_id;
}

/*
 * Has a record of the lane's resource been removed since the run's count of
 * removals was this?  True as well if that is too long ago to tell.
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

/*
 * The parent of an item's record, as far as it is known, or 0.  The row may
 * want another one.
 */
int64
bcd_item_parent(const BcdItem *item)
{
	const char *field = item->lane->feed->resource->parent;
	Jsonb	   *const sources[] = {item->known, item->remembered, item->wanted};
	int64		id = 0;
	int			i;

	for (i = 0; id == 0 && field && i < lengthof(sources); i++)
		id = bcd_payload_integer(sources[i], field);
	return id;
}

/* Has the run removed this record, as far as it remembers? */
static bool
was_removed(const BcdRun *run, const char *resource, int64 store_id)
{
	int64		i;

	for (i = 0; i < Min(run->removals, BCD_REMOVALS) && resource && store_id != 0; i++)
		if (run->removed[i].store_id == store_id && strcmp(run->removed[i].resource->name, resource) == 0)
			return true;
	return false;
}

/*
 * Has the run removed an item's record together with its parent (which is known,
 * unless an update has an unknown outcome), or with a part of its address?
 */
bool
bcd_went_with_parent(const BcdItem *item)
{
	const BcdRun *run = item->lane->run;
	const BcdResource *r = item->lane->feed->resource;
	const char **name;

	if (r->id != NULL)
		return r->parent && was_removed(run, bcd_resource_field(r, r->parent)->refers_to, bcd_payload_integer(item->known, r->parent));
	for (name = item->known ? bcd_address_field_names(r, item->known) : NULL; name && *name; name++)
		if (was_removed(run, bcd_resource_field(r, *name)->refers_to, bcd_payload_integer(item->known, *name)))
			return true;
	return false;
}

/*
 * Does an item that leaves finish its row?  Each row counts once: not if it
 * will come back, and not a second time when a verify processes its link.
 */
static bool
is_finished(const BcdLane *lane, const BcdDecision *d)
{
	if (lane->run->kind->claims)
		return d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_FAIL || d->pending == BCD_PENDING_REVIEW;
	return d->pending != BCD_PENDING_READY && lane->phase == 0;
}

/*
 * Returns the number of consecutive refused records of a lane after one more
 * decision.
 */
int
bcd_refused_in_a_row(int refused, const BcdDecision *d)
{
	return d->taken ? 0 : refused + d->refused;
}

/*
 * Ends the run because an item was given a stage it must not move to.
 * Whatever it would send could be wrong, so it sends nothing.
 */
static void
lose_way(BcdLane *lane, BcdItem *item, BcdStage from, BcdStage to)
{
	BcdRun	   *run = lane->run;

	if (run->error == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 psprintf("internal error: row %s of feed \"%s\" cannot go from %s to %s",
												  item->key, item->lane->feed->name,
												  bcd_stage_name(from), bcd_stage_name(to)));
	run->gave_up = true;
	Assert(false);
	bcd_item_give_up(lane, item);
}

/* Makes a decision part of an item that continues. */
static void
take_over(BcdItem *item, const BcdDecision *d)
{
	if (d->has_record)
	{
		item->store_id = d->record.store_id;
		item->linked = d->record.linked;
		item->looked_up = d->record.looked_up;
		item->unsure = d->record.unsure;
		item->known = d->record.known;
		item->remembered = d->record.remembered;
		item->sent = d->record.sent;
		item->was = d->record.was;
		item->kept = d->record.kept;
		item->image = d->record.image;
		item->aside = d->record.aside;
		item->doubt = d->record.doubt;
		item->in_doubt = d->record.in_doubt;
	}
	if (d->exchanged || d->lookup_reason == BCD_REASON_RECORD_GONE)
		item->refusal = NULL;
	item->lookup_reason = d->lookup_reason;
	if (d->natural)
	{
		item->natural = d->natural;
		item->natural_index = d->natural_index;
	}
	if (d->body)
		item->body = d->body;
	if (d->repeated)
		item->repeated = d->repeated;
	if (d->has_tasks)
		item->tasks = d->tasks;
	item->purpose = d->purpose;
	if (d->final_decision)
		item->final_decision = d->final_decision;
	if (d->group > 0)
		item->group = d->group;
	if (d->shown)
		item->shown = d->shown;
	item->follows = d->follows;
	item->asked |= d->asks;
	if (d->judged || d->ends)
		item->ends = d->ends;
	if (d->judged)
	{
		item->held = d->held;
		item->values = d->values;
	}
	item->read_at = d->read_at ? d->read_at : item->read_at;
	item->apart |= d->apart;
	item->singly |= d->singly;
	if (d->held_by)
		item->held_by = d->held_by;
	item->reread |= d->rereads;
	item->whole_read = d->next == BCD_READ && d->whole;
	item->looks = d->next == BCD_READ && d->looks;
	item->swept = d->sweeps;
	bcd_nested_take_over(item, d);
}

/* The same for a new item that was decided on outside a claim. */
void
bcd_item_take_over(BcdItem *item)
{
	BcdDecision d = item->decision;

	memset(&item->decision, 0, sizeof(item->decision));
	take_over(item, &d);
}

/* Its row is processed again at the end of the lane: verify_record.c. */
static void
note_doubt(BcdItem *item)
{
	BcdLane    *lane = item->lane;
	MemoryContext old = MemoryContextSwitchTo(lane->cxt);

	lane->doubtful = lappend(lane->doubtful, pstrdup(item->key));
	MemoryContextSwitchTo(old);
}

/*
 * Carries out an item's decision after its commit: the item leaves the run, or
 * moves to another stage at the same gates.  If it stays in its stage, it goes
 * to the head of the queue.
 */
void
bcd_item_move(BcdLane *lane, BcdItem *item, BcdStage from)
{
	BcdDecision d = item->decision;

	memset(&item->decision, 0, sizeof(item->decision));
	bcd_count_outcome(lane->run, d.outcome);
	item->lane->outcomes[d.outcome]++;
	if (d.taken || d.outcome == BCD_DELETED)
		bcd_directory_changed(item->lane);
	lane->run->counts.conflicts += d.conflicts;
	bcd_stop_row_read(lane->run, &d);
	item->lane->seen += d.seen;
	if (d.doubtful)
		note_doubt(item);
	item->lane->refused = bcd_refused_in_a_row(item->lane->refused, &d);
	lane->gates->moved += from != BCD_TURN;
	if (d.leaves)
	{
		if (is_finished(item->lane, &d))
		{
			bcd_forecast_row_done(item->lane);
			bcd_stop_row(lane->run, d.pending == BCD_PENDING_FAIL);
		}
		bcd_item_free(lane, item);
		return;
	}
	take_over(item, &d);
	bcd_undo_take_over(item, &d);
	bcd_item_keep_part(item, &d);
	if (d.part != BCD_NO_OUTCOME)
		item->prepared = 0;
	/* the batch was refused, or its reply covers only a part of it */
	if (d.link == BCD_LINK_PUT)
		item->unsure = false;
	else if ((from == BCD_UPDATE || BCD_IS_FACET(from)) && d.outcome == BCD_RETRY)
		item->unsure = true;
	if (item->lane->stopped)
	{
		bcd_item_give_up(lane, item);
		return;
	}
	if (!bcd_stage_may_follow(from, d.next))
	{
		lose_way(lane, item, from, d.next);
		return;
	}
	weigh(lane, item);
	if (from == BCD_BELOW && d.next != from)
		item->shown = NULL;
	if (d.next != from)
		item->came_at = lane->gates->moved;
	item->attempts = (d.afresh ? 0 : item->attempts) + d.attempted;
	if (d.link == BCD_LINK_PUT || d.link == BCD_LINK_REMOVE)
		item->linked = d.link == BCD_LINK_PUT;
	if (d.lost_create || d.no_lost_create || item->linked)
		item->lost_create = d.lost_create;
	if (d.clashes)
	{
		/* as in bcd_item_keep_part(), it may be another item's text */
		item->refusal = d.error ? MemoryContextStrdup(item->cxt, d.error) : NULL;
		item->refusal_status = d.status;
		item->refused_at = from;
		item->clashes++;
	}
	if (d.next == from)
		bcd_item_first(lane, item, d.next);
	else
		bcd_item_queue(lane, item, d.next);
}
