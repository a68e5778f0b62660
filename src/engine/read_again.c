/*
 * read_again.c
 *		Items whose records were read too long ago to be written.
 *
 * A record whose fields have a policy is read before it is written, to see
 * what others have changed.  If the write has to wait, for the quota or after
 * a refusal, they may have changed it since.  So it is read once more; not
 * forever, if the store allows less than one request in that time.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/guc.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/read_again.h"
#include "engine/stage.h"
#include "payload/payload.h"

#define MOST_READS_AGAIN	3

static bool
is_outdated(BcdGate *gate, BcdStage stage, BcdItem *item, int64 now)
{
	if (item->read_at == 0 || now - item->read_at <= bcd_read_valid || item->reads_again >= MOST_READS_AGAIN)
		return false;

	/* those that exchange something stay together, and others go on */
	if (item->purpose != BCD_PURPOSE_ROW || item->aside || item->refusal || item->follows)
		return false;
	if (dlist_has_next(&gate->queue, &item->node) &&
		dlist_container(BcdItem, node, dlist_next_node(&gate->queue, &item->node))->follows)
		return false;

	/*
	 * collections have no policies; a part that was refused would be sent
	 * again
	 */
	return !BCD_IS_FACET(stage) ||
		(!bcd_stage_is_collection(item->lane->feed->resource, stage) && item->failure == NULL && !item->unsure);
}

static void
read_outdated(BcdJob *job, const cJSON *reply)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
		bcd_decide_stage(dlist_container(BcdItem, node, iter.cur), BCD_READ);
}

/* What a write without a known outcome has sent is not somebody else's edit. */
static void
outdated_taken(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		if (item->unsure && item->body)
			item->sent = bcd_payload_merge(item->sent, item->body);
		item->reads_again++;
		MemoryContextSwitchTo(old);
	}
}

/*
 * The first n items of a stage are about to be written.  If the records of any
 * were read too long ago, returns a job that moves all such items of the stage
 * to be read; else NULL.
 */
BcdJob *
bcd_plan_read_again(BcdLane *lane, BcdStage stage, int n)
{
	BcdGate    *gate = &lane->gates->gate[stage];
	int64		now = bcd_now_ms();
	dlist_mutable_iter iter;
	BcdJob	   *job = NULL;

	dlist_foreach_modify(iter, &gate->queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (job == NULL && n-- == 0)
			break;
		if (!is_outdated(gate, stage, item, now))
			continue;
		if (job == NULL)
		{
			job = bcd_job_create(lane, stage, NULL, NULL, NULL);
			job->read = read_outdated;
			job->taken = outdated_taken;
		}
		dlist_delete(&item->node);
		gate->queued--;
		bcd_job_take(job, item);
		if (job->nitems == BCD_PAGE_LIMIT)
			break;
	}
	return job;
}
