/*
 * choice_read.c
 *		Reads the options of parents, and their values, for many at a time.
 *
 * A list of parents can show their options, though on smaller pages than others.
 * What such a page does not show in full is read from the parent's own list, and
 * so is everything if the request is refused, or if an option or value is
 * refused that was made because the page did not have it.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "engine/choice_ids.h"
#include "engine/choice_read.h"
#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/lane.h"
#include "engine/stage.h"
#include "engine/stage_end.h"
#include "payload/url.h"
#include "resource/resource.h"
#include "store/paging.h"

static bool
is_busy_in(const dlist_head *jobs, const BcdGates *gates, int64 id)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		const BcdJob *job = dlist_container(BcdJob, node, iter.cur);
		int			i;

		for (i = 0; i < job->prepares; i++)
			if (job->prepared[i] == id && job->lane->gates == gates)
				return true;
	}
	return false;
}

/* Is a request for a parent's options under way, or not settled? */
bool
bcd_choices_busy(const BcdLane *lane, int64 parent)
{
	return is_busy_in(&lane->run->jobs, lane->gates, parent) || is_busy_in(&lane->run->unsettled, lane->gates, parent);
}

/*
 * Is it better to wait, because more items will come to a stage, whose parents
 * can be read together with others, and for which an option gets values?
 */
bool
bcd_choices_wait(const BcdLane *lane, BcdStage stage)
{
	const BcdGate *gate = lane->gates->gate;

	return !lane->gates->send_partial && !bcd_stage_is_exhausted(lane, stage) &&
		(bcd_lane_has_room(lane) || gate[BCD_LOOKUP].flying > 0 || gate[BCD_READ].flying > 0);
}

/* A BcdUrlValue: the id of the nth parent. */
static char *
id_value(const char *name, int nth, const void *ids)
{
	return psprintf(INT64_FORMAT, ((const int64 *) ids)[nth]);
}

static char *
path_of(const char *template, const char *query, const int64 *parents, int n)
{
	StringInfoData url;

	initStringInfo(&url);
	bcd_url_append(&url, template, query, n, id_value, parents);
	return url.data;
}

/* Returns a path with the id of a parent. */
char *
bcd_choice_path(const char *template, int64 parent)
{
	return path_of(template, NULL, &parent, 1);
}

/* Returns a job that reads or makes the choices of n parents. */
BcdJob *
bcd_choice_job(BcdLane *lane, BcdStage stage, const int64 *parents, int n, const char *method, const char *path, const char *body)
{
	BcdJob	   *job = bcd_job_create(lane, stage, method, path, body);

	job->prepares = n;
	job->prepared = MemoryContextAlloc(GetMemoryChunkContext(job), sizeof(int64) * n);
	memcpy(job->prepared, parents, sizeof(int64) * n);
	return job;
}

/* Moves an item, which may be anywhere in the queue, into such a job. */
void
bcd_choice_job_take(BcdJob *job, BcdItem *item)
{
	dlist_delete(&item->node);
	job->lane->gates->gate[job->stage].queued--;
	bcd_job_take(job, item);
	/* the request before this one may have been for more of its elements */
	item->sends = 1;
}

/* Puts the items of such a job back, to wait for their turn again. */
void
bcd_choice_again(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
		bcd_decide_stage(dlist_container(BcdItem, node, iter.cur), job->stage);
}

static void
add_options(BcdChoiceParent *parent, const cJSON *options)
{
	const cJSON *option;

	cJSON_ArrayForEach(option, options)
		bcd_choice_add(parent, option);
	parent->known = parent->bare = true;
}

/* Reads the options of one parent; may be called again. */
static void
read_options(BcdJob *job, const cJSON *reply)
{
	BcdChoiceParent *parent = bcd_choice_parent(job->lane->gates, job->prepared[0]);
	const cJSON *data = reply ? cJSON_GetObjectItemCaseSensitive(reply, "data") : NULL;
	BcdPage		page;

	bcd_choice_forget(parent);
	bcd_page_read(&page, reply, "id");
	if (bcd_page_is_cut(&page))
		job->doubt = "the store lists the options of a record on several pages";
	else if (reply && !cJSON_IsArray(data))
		job->doubt = "the store's list of options cannot be read";
	if (job->doubt)
		return;
	add_options(parent, data);
	bcd_choice_again(job);
}

/* Does a list show these options, and the values of each of them? */
static bool
are_shown(const cJSON *options)
{
	const cJSON *option;
	int64		id;

	if (!cJSON_IsArray(options))
		return false;
	cJSON_ArrayForEach(option, options)
	{
		if (!bcd_json_id(option, "id", &id) || !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(option, "display_name")) ||
			!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(option, "option_values")))
			return false;
	}
	return true;
}

static const cJSON *
find_parent(const cJSON *data, int64 id)
{
	const cJSON *record;
	int64		found;

	cJSON_ArrayForEach(record, data)
		if (bcd_json_id(record, "id", &found) && found == id)
		return record;
	return NULL;
}

/*
 * Reads a page of parents that shows their options; may be called again.  Those
 * that it does not show are read by themselves.
 */
static void
read_shown(BcdJob *job, const cJSON *reply)
{
	const BcdChoices *c = bcd_stage_choices(job->lane->feed->resource, job->stage);
	const cJSON *data = reply ? cJSON_GetObjectItemCaseSensitive(reply, "data") : NULL;
	BcdPage		page;
	int			i;

	for (i = 0; i < job->prepares; i++)
	{
		BcdChoiceParent *parent = bcd_choice_parent(job->lane->gates, job->prepared[i]);
		const cJSON *record = find_parent(data, parent->id);
		const cJSON *options = record ? cJSON_GetObjectItemCaseSensitive(record, c->member) : NULL;

		bcd_choice_forget(parent);
		parent->apart = !are_shown(options);
		if (parent->apart)
			continue;
		add_options(parent, options);
		parent->shown = true;
	}
	bcd_page_read(&page, reply, "id");
	if (bcd_page_is_cut(&page) && page.records < job->prepares)
		job->lane->gates->choice_page = Max((int) page.records, 1);
	bcd_choice_again(job);
}

/* Returns how many parents a request may be for. */
static int
most_parents(const BcdLane *lane, const BcdChoices *c)
{
	if (c->shown.endpoint == NULL)
		return 1;
	return lane->gates->choice_page > 0 ? Min(lane->gates->choice_page, c->page) : c->page;
}

static bool
has_id(const int64 *ids, int n, int64 id)
{
	while (n > 0)
		if (ids[--n] == id)
			return true;
	return false;
}

/*
 * Do the options of an item's parent have to be read?  Not if they are known,
 * have not changed, or are about to.
 */
static bool
is_unread(BcdLane *lane, BcdStage stage, const BcdItem *item, const BcdChoiceParent *parent)
{
	return !parent->known || (parent->stale && bcd_choice_missing(bcd_choices_of(item, stage, parent)) == NULL);
}

/*
 * Finds the parents of waiting items whose options have to be read, up to most;
 * one that has to be read apart from others is alone.  Returns their number.
 */
static int
find_unread(BcdLane *lane, BcdStage stage, int64 *ids, int most)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, &lane->gates->gate[stage].queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		int64		id = bcd_choice_parent_id(item, stage);
		BcdChoiceParent *parent;

		if (n == most)
			break;
		if (has_id(ids, n, id) || bcd_choices_busy(lane, id) || bcd_awaits_promise(lane, stage, item))
			continue;
		parent = bcd_choice_parent(lane->gates, id);
		if (!is_unread(lane, stage, item, parent) || (parent->apart && n > 0))
			continue;
		ids[n++] = id;
		if (parent->apart)
			break;
	}
	return n;
}

static void
take_all(BcdJob *job)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &job->lane->gates->gate[job->stage].queue)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (has_id(job->prepared, job->prepares, bcd_choice_parent_id(item, job->stage)))
			bcd_choice_job_take(job, item);
	}
}

static bool
makes_any(const dlist_head *jobs, const BcdGates *gates)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) jobs)
	{
		const BcdJob *job = dlist_container(BcdJob, node, iter.cur);

		if (job->prepares > 0 && job->lane->gates == gates && job->read != read_options && job->read != read_shown)
			return true;
	}
	return false;
}

/*
 * Will other parents have to be read, too: of items that come, or because their
 * options are about to change?
 */
static bool
more_may_come(const BcdLane *lane, BcdStage stage)
{
	return bcd_choices_wait(lane, stage) || makes_any(&lane->run->jobs, lane->gates) || makes_any(&lane->run->unsettled, lane->gates);
}

/*
 * Returns a job that reads the options of parents for all waiting items below
 * them, or NULL: there are none, or it is better to wait for more.
 */
BcdJob *
bcd_choice_read_job(BcdLane *lane, BcdStage stage)
{
	const BcdChoices *c = bcd_stage_choices(lane->feed->resource, stage);
	int			most = most_parents(lane, c);
	int64	   *ids = palloc(sizeof(int64) * most);
	int			n = find_unread(lane, stage, ids, most);
	bool		apart;
	BcdJob	   *job;

	if (n == 0)
		return NULL;
	apart = n == 1 && (most == 1 || bcd_choice_parent(lane->gates, ids[0])->apart);
	if (!apart && n < most && more_may_come(lane, stage))
		return NULL;
	job = bcd_choice_job(lane, stage, ids, n, "GET",
						 apart ? path_of(c->list, "limit=250", ids, n) : path_of(c->shown.endpoint->path, c->shown.query, ids, n), NULL);
	job->read = apart ? read_options : read_shown;
	take_all(job);
	return job;
}

/*
 * The options of parents could not be read, or one could not be made.  Decides
 * that they are read apart from each other, and returns true, unless that was
 * done already.  If the store was in trouble, that is not decided, but what is
 * next is read so.
 */
bool
bcd_choices_read_apart(BcdJob *job, BcdVerdict verdict)
{
	bool		together = job->read == read_shown;
	int			i;

	for (i = 0; i < job->prepares; i++)
	{
		BcdChoiceParent *parent = bcd_choice_parent(job->lane->gates, job->prepared[i]);

		together |= parent->shown && job->read != read_options && verdict != BCD_TROUBLE;
		parent->apart |= together;
		if (together)
			parent->known = false;
	}
	if (!together || verdict == BCD_TROUBLE)
		return false;
	bcd_choice_again(job);
	return true;
}
