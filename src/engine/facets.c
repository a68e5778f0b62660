/*
 * facets.c
 *		Rows that are written through several endpoints, with a task for each
 *		facet of the record that has changed.
 *
 * The record itself comes first.  The result of its update is linked before
 * the next facet is written, and pending.intent names the facets that are
 * still to be written: after a crash, nothing else is sent again.  The row is
 * settled when its last task is, with one result that lists the parts.  If a
 * facet is refused, the others are written nevertheless.
 *
 * If the store does not allow a facet to be written on its own, its fields are
 * sent with the record, if the record can have them.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/asking.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/element_keys.h"
#include "engine/elements_inside.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/facets.h"
#include "engine/key_holders.h"
#include "engine/parts.h"
#include "engine/reply_error.h"
#include "engine/riders.h"
#include "engine/stage.h"
#include "engine/unmapped_fields.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/feed_state.h"
#include "tables/outcome.h"

/*
 * Makes these the item's next tasks; true if the first is for the record
 * itself.
 */
bool
bcd_decide_tasks(BcdItem *item, List *tasks)
{
	BcdDecision *d = &item->decision;
	BcdTask    *first = tasks ? linitial(tasks) : NULL;
	bool		is_record = first && first->facet == first->resource->facets;

	d->has_tasks = true;
	d->tasks = is_record ? list_delete_first(tasks) : tasks;
	d->body = is_record ? first->fields : NULL;
	return is_record;
}

/* Returns the tasks that an item will have after its decision. */
static List *
tasks_after(const BcdItem *item)
{
	return item->decision.has_tasks ? item->decision.tasks : item->tasks;
}

static bool
is_in(const char *name, JsonbValue *value, void *fields)
{
	return bcd_payload_has(fields, name);
}

static bool
is_not_in(const char *name, JsonbValue *value, void *fields)
{
	return !bcd_payload_has(fields, name);
}

/*
 * Returns what the record holds so far: fields not written yet are as they
 * were.
 */
static Jsonb *
without_tasks(const BcdItem *item, Jsonb *known)
{
	ListCell   *lc;

	foreach(lc, item->tasks)
	{
		BcdTask    *task = lfirst(lc);
		Jsonb	   *old = item->known;

		if (task->facet->collection)
			continue;
		known = bcd_payload_filter(known, is_not_in, task->fields);
		if (old)
			known = bcd_payload_merge(old, known);
	}
	return known;
}

/* Decides on the outcome of one part of a row. */
static void
decide_part(BcdItem *item, BcdStage stage, BcdOutcome part)
{
	item->decision.part = part;
	item->decision.part_stage = stage;
	if (bcd_stage_is_collection(item->lane->feed->resource, stage))
		item->decision.part_element = MemoryContextStrdup(item->cxt, bcd_elements_words(item));
}

/* Decides on the next part or, if there is none, the end of the row. */
static void
go_on(BcdItem *item, BcdStage stage, List *tasks, BcdOutcome part)
{
	BcdDecision *d = &item->decision;
	const BcdHeldBy *held_by = d->held_by ? d->held_by : item->held_by;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	bool		unread = false;

	if (BCD_IS_FACET(stage))
		tasks = bcd_tasks_inside(item, stage, tasks, &unread);
	MemoryContextSwitchTo(old);
	if (unread)
		bcd_decide_stage(item, BCD_READ);
	else if (tasks != NIL)
	{
		bcd_decide_stage(item, bcd_stage_to_write(item, bcd_record_after(item).known, tasks));
		d->has_tasks = true;
		d->tasks = tasks;
		/* limits for batches elsewhere do not apply at the next endpoint */
		d->group = d->next == stage && item->group < BCD_PAGE_LIMIT ? item->group * 2 : bcd_item_group(item->lane, item->attempts);
	}
	else if (item->failure)
		bcd_decide_failed(item, BCD_FAILED, item->failure);
	else if (held_by)
		bcd_decide_wait_for(item, held_by->field, held_by->value, held_by->feed, held_by->key);
	else
		bcd_decide_done(item, bcd_was_created(item) ? BCD_CREATED : BCD_IS_FACET(stage) ? BCD_UPDATED : part, BCD_LINK_KEEP);
	decide_part(item, stage, part);
}

/*
 * What counts as written of these fields: the values of the row, even if others
 * were sent in their place, as people have decided, or as the store has them.
 */
static Jsonb *
written_for_row(const BcdItem *item, Jsonb *fields)
{
	return item->wanted ? bcd_payload_merge(fields, bcd_payload_filter(item->wanted, is_in, fields)) : fields;
}

/*
 * The store has accepted the write of a stage, so the record has what the item
 * wants, except for facets still to be written.  known: what the record then
 * holds; of fields with a facet of their own, what is known here.
 */
void
bcd_decide_part(BcdItem *item, BcdStage stage, BcdOutcome outcome, Jsonb *known)
{
	List	   *rest = item->tasks;

	if (BCD_IS_FACET(stage))
	{
		if (!bcd_stage_is_collection(item->lane->feed->resource, stage))
			known = bcd_payload_merge(item->known, written_for_row(item, ((BcdTask *) linitial(item->tasks))->fields));
		rest = list_copy_tail(item->tasks, item->sends);
	}
	else
		known = without_tasks(item, known);
	if (bcd_has_riders(item, stage))
		rest = list_copy_tail(item->tasks, item->sends);
	bcd_decide_record(item)->known = known;
	if (bcd_nested_was_written(item, stage) || (stage == BCD_CREATE && bcd_item_must_read(item)))
	{
		bcd_decide_stage(item, BCD_READ);
		decide_part(item, stage, stage == BCD_CREATE ? outcome : BCD_UPDATED);
		item->decision.link = BCD_LINK_PUT;
		return;
	}
	if (!BCD_IS_FACET(stage) && item->tasks == NIL && item->parts == NIL)
	{
		bcd_decide_done(item, outcome, BCD_LINK_PUT);
		return;
	}
	go_on(item, stage, rest, outcome);
	if (bcd_has_riders(item, stage))
		bcd_note_riders(item);
	item->decision.link = BCD_LINK_PUT;
	/* a row with many elements gets as many attempts for each as one with few */
	item->decision.afresh = bcd_stage_is_collection(item->lane->feed->resource, stage);
}

/* Decides that the facet an item waits to write is sent with the record. */
static void
decide_merged(BcdItem *item)
{
	BcdTask    *task = linitial(item->tasks);
	List	   *rest = list_copy_tail(item->tasks, 1);

	bcd_decide_stage(item, BCD_UPDATE);
	item->decision.has_tasks = true;
	item->decision.tasks = rest;
	item->decision.body = task->fields;
}

/*
 * A facet cannot be written on its own.  False: nor can it be sent with the
 * record.
 */
static bool
merge(BcdItem *item, BcdStage stage, char *error)
{
	BcdFeed    *feed = item->lane->feed;
	const BcdFacet *facet = bcd_stage_facet(feed->resource, stage);
	MemoryContext old;

	if (!bcd_facet_may_merge(facet, feed->options_json))
		return false;
	old = MemoryContextSwitchTo(item->cxt);
	bcd_feed_merge_facet(feed->name, facet->name, error);
	feed->merged |= 1 << (facet - feed->resource->facets);
	decide_merged(item);
	decide_part(item, stage, BCD_RETRY);
	item->decision.error = error;
	MemoryContextSwitchTo(old);
	return true;
}

/* May the facet have to be sent with the record?  The row does not say. */
static bool
may_go_with_record(const BcdItem *item, BcdStage stage)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdFacet *facet = bcd_stage_facet(feed->resource, stage);

	return facet->if_field && !bcd_feed_maps(feed, facet->if_field);
}

/*
 * An element was refused.  If its collection has been read since, that may have
 * shown that it is done, or another way.  All of a row count as one refusal.
 */
static void
decide_element_refused(BcdItem *item, BcdStage stage, char *error)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	bool		due;
	List	   *rest = bcd_tasks_after_refusal(item, &due);

	/* the store may not say which one it was */
	error = psprintf("%s: %s: %s%s", bcd_stage_facet(item->lane->feed->resource, stage)->collection, bcd_elements_words(item), error, bcd_element_left_with(item));
	MemoryContextSwitchTo(old);
	if (due && bcd_element_waits(item, &rest))
	{
		go_on(item, stage, rest, BCD_RETRY);
		if (!item->decision.leaves)
			item->decision.error = error;
		item->decision.clashes = !item->decision.leaves;	/* so it ends */
	}
	else if (due && (rest == NIL || bcd_record_after(item).unsure))
	{
		bcd_decide_refused(item, error);
		decide_part(item, stage, BCD_FAILED);
	}
	else
	{
		go_on(item, stage, rest, due ? BCD_FAILED : BCD_UNCHANGED);
		if (due)
			item->decision.error = error;
	}
	item->decision.link = BCD_LINK_PUT;
}

/*
 * The write of a stage was permanently refused.  If it was one part of a row,
 * the other parts are written nevertheless, unless the item has to do more
 * than write its row.  The record is known to exist: a 404 means that the
 * store has no such endpoint.
 */
void
bcd_decide_refused_at(BcdItem *item, BcdStage stage, int status, char *error)
{
	bool		is_part = BCD_IS_FACET(stage);
	List	   *rest = item->tasks;

	if (stage == BCD_CREATE && bcd_body_is_nested(item, item->body))
	{
		/* one element may be the reason: they are sent one by one */
		bcd_decide_stage(item, BCD_TURN);
		item->decision.apart = true;
		item->decision.error = error;
		return;
	}
	if (bcd_riders_stay(item, stage, error))
		return;
	if (is_part)
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		rest = list_copy_tail(item->tasks, 1);
		MemoryContextSwitchTo(old);
	}
	if (bcd_stage_is_collection(item->lane->feed->resource, stage))
	{
		decide_element_refused(item, stage, error);
		return;
	}
	if (is_part && (status == 404 || status == 410 || may_go_with_record(item, stage)) && merge(item, stage, error))
		return;
	if (stage == BCD_UPDATE || is_part)
	{
		if (rest != NIL && !bcd_record_after(item).unsure && !item->aside && item->final_decision == NULL && item->purpose == BCD_PURPOSE_ROW)
		{
			go_on(item, stage, rest, BCD_FAILED);
			item->decision.error = error;
			item->decision.refused = true;
			return;
		}
		if (is_part || item->parts != NIL)
			decide_part(item, stage, BCD_FAILED);
	}
	bcd_decide_refused(item, error);
}

/* Is the facet of an item's stage sent with the record, as far as is known? */
bool
bcd_item_is_merged(const BcdItem *item, BcdStage stage)
{
	return (item->lane->feed->merged & (1 << bcd_stage_nth_facet(stage))) != 0;
}

/*
 * The store denies access to the endpoint of a facet.  Items whose feeds can
 * do without it send its fields with the record; the others are left
 * undecided.
 */
void
bcd_merge_facet(BcdJob *job, char *error)
{
	dlist_iter	iter;

	if (!BCD_IS_FACET(job->stage))
		return;
	dlist_foreach(iter, &job->items)
		(void) merge(dlist_container(BcdItem, node, iter.cur), job->stage, error);
}

/*
 * Settles a job whose items waited for a facet that is sent with the record.
 */
void
bcd_read_merged(BcdJob *job, const cJSON *reply)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		decide_merged(item);
		MemoryContextSwitchTo(old);
	}
}

/*
 * Notes the part that a write which settles the item was for, if there are
 * several.
 */
void
bcd_note_part(BcdItem *item, BcdStage stage)
{
	BcdDecision *d = &item->decision;

	if (d->leaves && d->part == BCD_NO_OUTCOME && d->outcome != BCD_NO_OUTCOME &&
		(item->parts != NIL || BCD_IS_FACET(stage)))
		decide_part(item, stage, d->outcome);
}

/* Does an item move to a facet other than the first, or to an update that may write one? */
static bool
goes_to_facet(const BcdItem *item)
{
	return (item->decision.made && !item->decision.leaves && BCD_IS_FACET(item->decision.next)) || bcd_decision_rides(item);
}

/*
 * Returns the new pending.intent of an item if it is about facets: everything
 * that a request may do.  NULL: nothing.
 */
Jsonb *
bcd_item_intent(const BcdItem *item)
{
	const JsonbValue nothing = {.type = jbvBool,.val.boolean = true};
	Jsonb	   *intent = NULL;
	Jsonb	   *sends;
	ListCell   *lc;
	const BcdTask *first;

	if (!goes_to_facet(item))
		return NULL;
	first = linitial(tasks_after(item));
	foreach(lc, tasks_after(item))
		intent = bcd_payload_set(intent, bcd_facet_whole(item->lane->feed->resource, ((BcdTask *) lfirst(lc))->facet)->name, (JsonbValue *) &nothing);
	/* what is sent next; the intent is written again before anything else is */
	sends = bcd_tasks_send(tasks_after(item), first->action->endpoint->batch > 1 ? INT_MAX : 1);
	return sends ? bcd_payload_merge(intent, sends) : intent;
}

/* Does the decision change pending.intent, as far as it is about facets? */
bool
bcd_item_changes_intent(const BcdItem *item, BcdStage stage)
{
	const BcdDecision *d = &item->decision;

	return goes_to_facet(item) || (BCD_IS_FACET(stage) && !d->leaves);
}
