/*
 * riders.c
 *		Elements that go along in the update of their record's own fields.
 *
 * Where the store is known to keep the elements that an update does not have,
 * those that are added or changed are in the same object of the same request as
 * the fields: the first of item->tasks, as many as item->sends says.  Everything
 * that holds for a part of a row by itself holds for both: they are noted in
 * pending.intent and bcdelta.undo before, and told in result.parts after that.
 *
 * A refusal may be due to either of them, so then the record is updated without
 * its elements, which follow as if nothing else had changed.
 */
#include "postgres.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/riders.h"
#include "engine/stage.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

static List *
tasks_after(const BcdItem *item)
{
	return item->decision.has_tasks ? item->decision.tasks : item->tasks;
}

/*
 * Returns how many of an item's tasks the next update of its record does.  An
 * update that is about natural keys which rows pass on has only fields.
 */
int
bcd_item_rides(const BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	int			n = item->wanted ? bcd_tasks_riding(item->tasks) : 0;

	if (n == 0 || item->apart || item->purpose != BCD_PURPOSE_ROW || item->final_decision || item->aside || item->follows ||
		item->asking != BCD_ASKS_NOTHING)
		return 0;
	/* the store may have been seen to lose elements since */
	return feed->together & ((uint32) 1 << (((BcdTask *) linitial(item->tasks))->facet - feed->resource->facets)) ? n : 0;
}

/* Had the request of a stage, for an item, elements besides the record's fields? */
bool
bcd_has_riders(const BcdItem *item, BcdStage stage)
{
	return stage == BCD_UPDATE && item->sends > 0;
}

/* Does a decision lead to an update that may have elements besides its fields? */
bool
bcd_decision_rides(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->made && !d->leaves && d->next == BCD_UPDATE && d->purpose == BCD_PURPOSE_ROW && d->body && item->wanted &&
		bcd_tasks_riding(tasks_after(item)) > 0;
}

/*
 * The write of a stage was permanently refused.  If it had elements besides its
 * fields, decides that it is repeated without them; else returns false.
 */
bool
bcd_riders_stay(BcdItem *item, BcdStage stage, char *error)
{
	if (!bcd_has_riders(item, stage) || item->apart)
		return false;
	bcd_decide_stage(item, BCD_UPDATE);
	item->decision.apart = true;
	item->decision.part = BCD_RETRY;
	item->decision.part_stage = stage;
	item->decision.error = error;
	return true;
}

/* The elements that the first of some tasks, at most so many, add to their collection, as a payload; NULL: none. */
Jsonb *
bcd_tasks_send(const List *tasks, int most)
{
	const BcdTask *first = linitial(tasks);
	Jsonb	   *added = NULL;
	ListCell   *lc;

	/* what is inside an element is known by its key */
	if (first->facet->collection == NULL || first->facet->inside)
		return NULL;
	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (most-- == 0 || task->facet != first->facet || task->action->endpoint != first->action->endpoint)
			break;
		if (task->was == NULL)
			added = bcd_collection_with(added, task->is);
	}
	return added ? bcd_payload_set_collection(NULL, first->facet->collection, added) : NULL;
}

/* The elements that the request of a stage may have added; NULL: none. */
Jsonb *
bcd_item_sent(const BcdItem *item, BcdStage stage)
{
	return BCD_IS_FACET(stage) || bcd_has_riders(item, stage) ? bcd_tasks_send(item->tasks, item->sends) : NULL;
}
