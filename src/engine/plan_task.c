/*
 * plan_task.c
 *		The tasks of an item as the next request carries them out.
 *
 * The tasks of facets were determined with the row.  That of the record itself
 * depends on what is known only now: the endpoint, a default, and the ids of
 * what the row names.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine/choice_ids.h"
#include "engine/collections.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "engine/plan_task.h"
#include "engine/repeated.h"
#include "engine/riders.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "payload/body.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

/* Returns the nth task of an item in a stage that writes. */
static BcdTask *
nth_task_of(const BcdItem *item, BcdStage stage, int nth)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdResource *r = feed->resource;
	BcdTask    *task = palloc0(sizeof(BcdTask));

	if (BCD_IS_FACET(stage))
		*task = *(BcdTask *) list_nth(item->tasks, nth);
	else
	{
		task->resource = r;
		task->facet = r->facets;
		task->action = bcd_action_of(item->lane, stage, item);
		task->fields = stage == BCD_UPDATE ? bcd_fields_with_riders(item->body, item->tasks, bcd_item_rides(item)) : item->body;

		/*
		 * if the row is gone, or has another address: the fields that make up
		 * the address of its record
		 */
		task->row = item->wanted && stage != BCD_REMOVE ? item->wanted : bcd_payload_merge(item->remembered, item->known);
		if (stage != BCD_CREATE && item->repeated)
			task->row = bcd_row_with_repeated(item, task->row);
		task->parent = r->parent ? bcd_payload_text(task->row, r->parent) : NULL;
		task->options = feed->options_json;
	}
	if (stage == BCD_CREATE)
		task->fields = bcd_fields_taken(task->action->endpoint,
										bcd_body_of_new(r, item->body, r->defaulted ? bcd_default_of(item->lane, item) : 0));
	if (task->facet->choices && bcd_stage_choices(r, stage))
		task->fields = bcd_choice_ids_put(item, stage, task->fields);
	if (item->store_id != 0 && task->facet->collection)
		task->parent = psprintf(INT64_FORMAT, item->store_id);
	else if (item->store_id != 0)
		task->id = psprintf(INT64_FORMAT, item->store_id);
	return task;
}

/* Returns the first of them. */
BcdTask *
bcd_first_task(const BcdItem *item, BcdStage stage)
{
	return nth_task_of(item, stage, 0);
}

/*
 * Appends the tasks of an item that one request can do: one, or several
 * elements of a collection, up to most.  That of the record has elements that go
 * along with its fields.  Returns their new number.
 */
int
bcd_add_tasks(BcdItem *item, BcdStage stage, BcdTask **tasks, int n, int most)
{
	int			ready = bcd_tasks_together(item, stage);
	int			i;

	if (!BCD_IS_FACET(stage))
	{
		item->sends = stage == BCD_UPDATE ? bcd_item_rides(item) : 0;
		tasks[n] = nth_task_of(item, stage, 0);
		return n + 1;
	}
	item->sends = Min(ready, Min(most, item->group));
	for (i = 0; i < item->sends; i++)
		tasks[n + i] = nth_task_of(item, stage, i);
	return n + item->sends;
}
