/*
 * choice_plan.c
 *		Creates the options and values that a new record needs before it is
 *		created.
 *
 * Before a create is sent, the options of its parent are read (choice_read.c),
 * once per run, and missing ones are created: an option with all values that
 * rows wait for, or a single value of an existing option.  Ids may change when
 * options do, so they are read again once nothing is missing any more.
 *
 * The requests carry the items that need them, at their stage, so a refusal
 * affects just these rows.  Only one such request is under way for a parent.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/choice_ids.h"
#include "engine/choice_plan.h"
#include "engine/choice_read.h"
#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/facets.h"
#include "engine/job.h"
#include "engine/stage.h"
#include "payload/payload.h"
#include "payload/url.h"
#include "resource/resource.h"

/* Number of waiting items that are looked at for the next request */
#define MOST_LOOKED_AT	100

/*
 * An option or a value was created.  Their ids are good enough to see what else
 * is missing; before any are sent, they are read again, unless there are no
 * others: then the reply has all.
 */
static void
read_made(BcdJob *job, const cJSON *reply)
{
	BcdChoiceParent *parent = bcd_choice_parent(job->lane->gates, job->prepared[0]);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");

	if (!parent->known && parent->stale)
	{
		parent->known = parent->grows ? bcd_choice_add_value(parent, data) :
			cJSON_GetObjectItemCaseSensitive(data, "option_values") != NULL;
		if (parent->known && parent->grows == 0)
		{
			bcd_choice_add(parent, data);
			parent->stale = !parent->bare || parent->options == NIL;
		}
	}
	bcd_choice_again(job);
}

/* Decides on a row that the store could not accept; makes no request. */
static void
read_refused(BcdJob *job, const cJSON *reply)
{
	BcdItem    *item = dlist_head_element(BcdItem, node, &job->items);

	if (BCD_IS_FACET(job->stage))
		bcd_decide_refused_at(item, job->stage, 0, item->flaw);
	else
		bcd_decide_failed(item, BCD_FAILED, item->flaw);
}

static void
append_text(StringInfo out, const char *name, const char *text)
{
	appendStringInfo(out, "\"%s\": ", name);
	escape_json(out, text);
}

/*
 * Returns the labels of a new option that items below its parent wait for,
 * without duplicates.
 */
static List *
labels_of(BcdLane *lane, BcdStage stage, const BcdChoiceParent *parent, const char *name)
{
	const BcdChoices *c = bcd_stage_choices(lane->feed->resource, stage);
	List	   *labels = NIL;
	dlist_iter	iter;

	dlist_foreach(iter, &lane->gates->gate[stage].queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		ListCell   *lc;
		ListCell   *other;

		if (bcd_choice_parent_id(item, stage) != parent->id)
			continue;
		foreach(lc, bcd_choices_ahead(item, stage, parent))
		{
			BcdChoice  *choice = lfirst(lc);
			bool		there = strcmp(bcd_folded(choice->name), bcd_folded(name)) != 0;

			foreach(other, labels)
				there |= strcmp(bcd_folded(choice->label), bcd_folded(lfirst(other))) == 0;
			if (!there && list_length(labels) < c->most_values)
				labels = lappend(labels, choice->label);
		}
	}
	return labels;
}

static BcdJob *
option_job(BcdLane *lane, BcdStage stage, BcdChoiceParent *parent, const char *name)
{
	const BcdChoices *c = bcd_stage_choices(lane->feed->resource, stage);
	List	   *labels = labels_of(lane, stage, parent, name);
	StringInfoData body;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&body);
	appendStringInfo(&body, "{\"%s\": " INT64_FORMAT ", ", c->parent, parent->id);
	append_text(&body, "display_name", name);
	appendStringInfo(&body, ", %s, \"option_values\": [", c->type);
	foreach(lc, labels)
	{
		appendStringInfoString(&body, n > 0 ? ", {" : "{");
		append_text(&body, "label", lfirst(lc));
		appendStringInfo(&body, ", \"sort_order\": %d}", n++);
	}
	appendStringInfoString(&body, "]}");
	return bcd_choice_job(lane, stage, &parent->id, 1, "POST", bcd_choice_path(c->option, parent->id), body.data);
}

static BcdJob *
value_job(BcdLane *lane, BcdStage stage, BcdChoiceParent *parent, const BcdChoice *choice)
{
	char	   *id = psprintf(INT64_FORMAT, choice->option->id);
	char	   *path = bcd_choice_path(bcd_stage_choices(lane->feed->resource, stage)->value, parent->id);
	char	   *place = strstr(path, "%s");
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoChar(&body, '{');
	append_text(&body, "label", choice->label);
	appendStringInfo(&body, ", \"sort_order\": " INT64_FORMAT "}", Min(choice->option->last + 1, (int64) PG_INT32_MAX));
	return bcd_choice_job(lane, stage, &parent->id, 1, "POST",
						  psprintf("%.*s%s%s", (int) (place - path), path, id, place + 2), body.data);
}

/* Creates what an item names and its parent lacks. */
static BcdJob *
make_job(BcdLane *lane, BcdStage stage, BcdChoiceParent *parent, BcdItem *item, const BcdChoice *choice)
{
	BcdJob	   *job = choice->option ? value_job(lane, stage, parent, choice) : option_job(lane, stage, parent, choice->name);

	/* unknown until the reply has arrived */
	parent->bare = parent->bare && parent->options == NIL;
	parent->known = false;
	parent->stale = true;
	parent->grows = choice->option ? choice->option->id : 0;
	job->read = read_made;
	item->prepared++;
	bcd_choice_job_take(job, item);
	return job;
}

/*
 * Returns why the store cannot have the record of an item, palloc'd, or NULL.
 */
static char *
flaw_of(const BcdItem *item, BcdStage stage, const BcdChoiceParent *parent, List *choices, int others)
{
	const BcdChoices *c = bcd_stage_choices(item->lane->feed->resource, stage);
	const char *name = BCD_IS_FACET(stage) ? "element" : item->lane->feed->resource->name;
	const BcdChoice *missing = bcd_choice_missing(choices);

	if (choices == NIL)
		return psprintf("%s: a new %s needs at least one", c->field, name);
	if (parent->records + others >= c->most_records)
		return psprintf("%s " INT64_FORMAT " has %d %ss already, and the store takes no more",
						c->parent, parent->id, c->most_records, name);
	if (missing && item->prepared > 2 * list_length(choices) + 2)
		return psprintf("%s: the store does not list option \"%s\" with value \"%s\", which was made for %s " INT64_FORMAT,
						c->field, missing->name, missing->label, c->parent, parent->id);
	if (missing && missing->option && list_length(missing->option->values) >= c->most_values)
		return psprintf("%s: option \"%s\" of %s " INT64_FORMAT " has %d values already, and the store takes no more, so it cannot have \"%s\"",
						c->field, missing->name, c->parent, parent->id,
						c->most_values, missing->label);
	return NULL;
}

static BcdJob *
refusal_job(BcdLane *lane, BcdStage stage, BcdItem *item, const char *flaw)
{
	BcdJob	   *job = bcd_job_create(lane, stage, NULL, NULL, NULL);

	job->read = read_refused;
	item->flaw = MemoryContextStrdup(item->cxt, flaw);
	bcd_choice_job_take(job, item);
	return job;
}

/*
 * Returns the job that is needed before an item can be created, or NULL; others
 * below its parent are created before it.  Sets *ready if it needs none: its
 * parent's options are known, and have all that it names.
 */
static BcdJob *
job_before(BcdLane *lane, BcdStage stage, BcdChoiceParent *parent, BcdItem *item, int others, bool *ready)
{
	List	   *choices;
	char	   *flaw;
	BcdChoice  *missing;

	*ready = false;
	if (!parent->known)
		return NULL;
	choices = bcd_choices_of(item, stage, parent);
	flaw = flaw_of(item, stage, parent, choices, others);
	if (flaw)
		return refusal_job(lane, stage, item, flaw);
	missing = bcd_choice_missing(choices);
	/* a new option gets the values of all that will come, too */
	if (missing && (missing->option || !bcd_choices_wait(lane, stage)))
		return make_job(lane, stage, parent, item, missing);
	*ready = missing == NULL && !parent->stale;
	return NULL;
}

/* Counts the items of a list whose records will be below a parent. */
static int
count_below(const dlist_head *items, BcdStage stage, int64 parent)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, (dlist_head *) items)
		n += bcd_choice_parent_id(dlist_container(BcdItem, node, iter.cur), stage) == parent;
	return n;
}

static bool
creates_below_in(const dlist_head *jobs, const BcdGates *gates, BcdStage stage, int64 parent)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		const BcdJob *job = dlist_container(BcdJob, node, iter.cur);

		if (job->lane->gates == gates && job->stage == stage && job->prepares == 0 && count_below(&job->items, stage, parent) > 0)
			return true;
	}
	return false;
}

/*
 * Must an item wait because a request under way has ids of its parent's
 * choices, which may change if it gets another one?
 */
static bool
would_change_ids(const BcdLane *lane, BcdStage stage, const BcdItem *item, const BcdChoiceParent *parent)
{
	return parent->known && (creates_below_in(&lane->run->jobs, lane->gates, stage, parent->id) ||
							 creates_below_in(&lane->run->unsettled, lane->gates, stage, parent->id)) &&
		bcd_choice_missing(bcd_choices_of(item, stage, parent)) != NULL;
}

/* Is a request for the options of any parent under way, or not settled? */
static bool
prepares_any(const dlist_head *jobs, const BcdGates *gates)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		const BcdJob *job = dlist_container(BcdJob, node, iter.cur);

		if (job->prepares != 0 && job->lane->gates == gates)
			return true;
	}
	return false;
}

/*
 * Returns whether it is better to wait, because items may become ready that
 * can share a request with those that are.
 */
static bool
more_may_come(const BcdLane *lane, int ready, int most)
{
	return ready > 0 && ready < most &&
		(prepares_any(&lane->run->jobs, lane->gates) || prepares_any(&lane->run->unsettled, lane->gates));
}

/*
 * Are the choices of the first item's parent unknown?  So are then those of all
 * that were found to be ready: there was one parent more than are remembered.
 */
static bool
is_forgotten(const BcdLane *lane, BcdStage stage)
{
	BcdItem    *first = dlist_head_element(BcdItem, node, &lane->gates->gate[stage].queue);

	return !bcd_choice_parent(lane->gates, bcd_choice_parent_id(first, stage))->known;
}

/*
 * Looks at the items that wait to be created and are not held up, up to as
 * many as the next request may have.  Moves those for which the store has what
 * they name to the head of the queue, and returns their number.  0: *job is
 * set to the job that comes first, or to NULL.
 */
int
bcd_plan_choices(BcdLane *lane, BcdStage stage, BcdJob **job)
{
	BcdGate    *gate = &lane->gates->gate[stage];
	const BcdEndpoint *endpoint = NULL;
	dlist_head	ready;
	dlist_mutable_iter iter;
	int			looked_at = 0;
	bool		unread = false;
	int			most = 1;
	int			n = 0;

	*job = NULL;
	if (lane->run->alone || !bcd_endpoint_is_free(lane, stage))
		return 0;
	dlist_init(&ready);
	dlist_foreach_modify(iter, &gate->queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		BcdChoiceParent *parent;
		bool		is_ready;

		if (n == most || looked_at++ == MOST_LOOKED_AT)
			break;
		if (bcd_choices_busy(lane, bcd_choice_parent_id(item, stage)) || bcd_awaits_promise(lane, stage, item))
			continue;
		parent = bcd_choice_parent(lane->gates, bcd_choice_parent_id(item, stage));
		if (would_change_ids(lane, stage, item, parent))
			continue;
		*job = job_before(lane, stage, parent, item, count_below(&ready, stage, parent->id), &is_ready);
		if (*job)
			break;
		unread |= !parent->known || parent->stale;
		if (!is_ready || (n > 0 && bcd_endpoint_of(lane, stage, item) != endpoint))
			continue;
		if (n == 0)
		{
			endpoint = bcd_endpoint_of(lane, stage, item);
			most = bcd_batch_limit_at(lane, stage, endpoint);
		}
		dlist_delete(&item->node);
		dlist_push_tail(&ready, &item->node);
		n++;
	}
	while (!dlist_is_empty(&ready))
	{
		dlist_node *last = dlist_tail_node(&ready);

		dlist_delete(last);
		dlist_push_head(&gate->queue, last);
	}
	if (*job == NULL && n < most && unread)
		*job = bcd_choice_read_job(lane, stage);
	if (n > 0 && is_forgotten(lane, stage))
		return 0;
	return *job || more_may_come(lane, n, most) ? 0 : n;
}

/* Counts the records that a request creates. */
void
bcd_choices_taken(const BcdJob *job)
{
	dlist_iter	iter;

	if (bcd_stage_choices(job->lane->feed->resource, job->stage) == NULL)
		return;
	dlist_foreach(iter, (dlist_head *) &job->items)
	{
		int64		id = bcd_choice_parent_id(dlist_container(BcdItem, node, iter.cur), job->stage);

		bcd_choice_parent(job->lane->gates, id)->records++;
	}
}
