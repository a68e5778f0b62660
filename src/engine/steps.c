/*
 * steps.c
 *		A bound for what an item does in a run.
 *
 * Each way in which an item is tried again has its own limit.  If two of them
 * start each other, or one forgets to count, the item would go round for ever,
 * at the expense of the store's quota and of all other rows.  So the steps of
 * an item are counted, whatever they are for, and far beyond what any row can
 * need, it fails.
 *
 * Not counted: waiting for other items, reading pages of a list, whose end the
 * reader of the list sees to, and requests that were not processed (429).
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/stage.h"
#include "engine/steps.h"

/* Steps that any item may need, and each of its tasks */
#define STEPS_OF_ITEM	500
#define STEPS_OF_TASK	20

/* Is that more than an item can need that had so many tasks at a time? */
bool
bcd_steps_are_too_many(int steps, int tasks)
{
	return steps > STEPS_OF_ITEM + STEPS_OF_TASK * tasks;
}

static bool
is_step(const BcdJob *job, const BcdDecision *d)
{
	if (!d->made || d->leaves || d->sweeps || d->final_decision)
		return false;
	return job->request ? job->request->status != 429 : d->next != job->stage;
}

static int
tasks_after(const BcdItem *item)
{
	return list_length(item->decision.has_tasks ? item->decision.tasks : item->tasks);
}

/* What the reply has shown of the record is recorded nevertheless. */
static void
end(BcdJob *job, BcdItem *item)
{
	BcdDecision *d = &item->decision;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdLinkAction link = d->link == BCD_LINK_KEEP && item->unsure ? BCD_LINK_FORGET : d->link;
	const char *last = d->error ? d->error : item->refusal;

	bcd_decide_failed(item, BCD_FAILED,
					  psprintf("internal error: given up after %d steps in one run, the last from %s to %s%s%s",
							   item->steps, bcd_stage_name(job->stage), bcd_stage_name(d->next),
							   last ? ": " : "", last ? last : ""));
	d->link = link;
	MemoryContextSwitchTo(old);
}

/* Called when the items of a job are decided on, before that is recorded. */
void
bcd_check_steps(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (is_step(job, &item->decision) && bcd_steps_are_too_many(item->steps + 1, Max(item->most_tasks, tasks_after(item))))
			end(job, item);
	}
}

/* Called after the commit, before the items move. */
void
bcd_count_steps(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		item->steps += is_step(job, &item->decision);
		item->most_tasks = Max(item->most_tasks, tasks_after(item));
	}
}
