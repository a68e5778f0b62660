/*
 * settle.c
 *		From replies to decisions, and from decisions to tables.
 *
 * A job is settled in one transaction: its reply is read, every item gets a
 * decision, and link, pending and result are written.  Only after the commit
 * do the items move.  If the transaction fails, it is repeated a little later;
 * the reply is kept until then.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "base/json.h"
#include "engine/adjust.h"
#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/facets.h"
#include "engine/item.h"
#include "engine/item_record.h"
#include "engine/item_stale.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/nested.h"
#include "engine/nested_ask.h"
#include "engine/refused_request.h"
#include "engine/reply_error.h"
#include "engine/reply_read.h"
#include "engine/reply_stop.h"
#include "engine/run_reload.h"
#include "engine/sent_fields.h"
#include "engine/settle.h"
#include "engine/settle_twins.h"
#include "engine/stage.h"
#include "engine/steps.h"
#include "engine/undo_arm.h"
#include "engine/undo_settle.h"
#include "payload/made_key.h"
#include "store/envelope.h"
#include "store/verdict.h"

/* After a failed settle: delay in milliseconds, maximum number of attempts */
#define SETTLE_AGAIN_MS 1000
#define SETTLE_TRIES	60

/* Maximum records of a list; each of them is compared with every item */
#define MAX_LISTED		(4 * BCD_PAGE_LIMIT)

static bool
was_a_success(const BcdJob *job)
{
	return job->request && (job->verdict == BCD_OK || job->verdict == BCD_PARTIAL);
}

/*
 * Parses the reply of a successful request.  Returns why it is invalid, or NULL.
 * If a list is, a record that is not in it may exist nevertheless.
 */
static const char *
parse_reply(BcdJob *job)
{
	BcdHttpRequest *r = job->request;
	bool		list = job->reads && !job->probe;
	const char *reason = NULL;
	const cJSON *data;

	if (!was_a_success(job))
		return NULL;
	if (r->reply_len == 0 && !(job->bare && list && r->status == 204))
		return bcd_reply_may_be_empty(job) && !list ? NULL : "it is empty";
	if (job->reply == NULL)
		job->reply = job->bare ? bcd_bare_parse(r->reply, r->reply_len, &reason) :
			bcd_json_parse(r->reply, r->reply_len, &reason);
	if (job->reply == NULL)
		return reason ? reason : "it is not JSON";
	bcd_complete_records(job->lane->feed->resource, job->reply);
	if (!list)
		return NULL;
	data = cJSON_GetObjectItemCaseSensitive(job->reply, "data");
	if (!cJSON_IsArray(data))
		return "it is not a list";
	return cJSON_GetArraySize(data) <= MAX_LISTED ? NULL : "it lists more records than a page has";
}

/* Decides on the items by the reply; unreadable: see parse_reply(). */
static void
decide(BcdJob *job, const char *unreadable)
{
	BcdHttpRequest *r = job->request;

	job->conflicts = 0;
	if (job->run->kind->replied)
	{
		job->run->kind->replied(job);
		return;
	}
	if (r == NULL)
	{
		job->read(job, NULL);
		return;
	}
	if (bcd_nested_refused(job))
		return;
	if (was_a_success(job))
	{
		if (unreadable == NULL)
		{
			job->read(job, job->reply);
			bcd_judge_rest(job, job->doubt ? job->doubt :
						   "the store's reply did not mention the record");
			return;
		}
		if (strcmp(unreadable, "too many values") == 0 && job->reads && job->limit > 1)
			bcd_batch_too_large(job, job->limit);
		snprintf(r->error, sizeof(r->error), "status %ld, but the reply cannot be read: %s",
				 r->status, unreadable);
		r->fate = BCD_HTTP_UNKNOWN;
		job->verdict = BCD_TROUBLE;
	}
	if (!bcd_take_saved(job, job->verdict))
		bcd_judge(job, job->verdict);
}

/* Restores what records of given-up items have given up. */
static void
put_back(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
		bcd_put_back(dlist_container(BcdItem, node, iter.cur));
}

/*
 * Has the store said that neither this create nor any of its batch was done?
 */
static bool
was_not_created(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;

	return job->stage == BCD_CREATE && r && r->fate == BCD_HTTP_REPLIED &&
		job->verdict != BCD_OK && job->verdict != BCD_PARTIAL && job->verdict != BCD_TROUBLE &&
		!bcd_refusal_creates_some(job);
}

/* Will an item whose create was not done be sent again in this run? */
static bool
is_created_again(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return !d->leaves && d->next == BCD_CREATE && !item->lane->stopped && !item->lane->run->error;
}

/*
 * A refused write counts as an attempt even if the item continues: alone, or
 * with a look-up.  Not so after a 429, since nothing was examined.  So does one
 * that made a record give up its key.
 */
static void
note_refusal(BcdJob *job, BcdItem *item)
{
	BcdDecision *d = &item->decision;

	if (!job->writes || d->leaves || d->outcome != BCD_NO_OUTCOME || d->part != BCD_NO_OUTCOME ||
		job->request->status == 429 || (job->prepares != 0 && job->request->status < 300))
		return;
	d->outcome = BCD_RETRY;
	if (d->error == NULL && job->verdict == BCD_OK && d->record.aside)
		d->error = "the record has given up its key, which another row needs, and gets that of its own row next";
	else if (d->error == NULL)
		d->error = bcd_reply_text(job, item);
}

/* Records the decisions of a job's items; in a transaction. */
static void
record(BcdJob *job)
{
	BcdHttpRequest *r = job->request;
	BcdItem   **items = palloc(sizeof(BcdItem *) * job->nitems);
	int			n = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		BcdDecision *d = &item->decision;

		Assert(d->made);
		items[n++] = item;
		if (r)
			note_refusal(job, item);
		if (r && job->writes)
			bcd_note_part(item, job->stage);
		if (r && (d->outcome != BCD_NO_OUTCOME || d->part != BCD_NO_OUTCOME))
		{
			if (d->status == 0)
				d->status = (int) r->status;
			strlcpy(d->request_id, r->headers.request_id[0] ? r->headers.request_id :
					r->correlation_id, sizeof(d->request_id));
			if (d->outcome == BCD_FAILED)
				d->request = bcd_refused_request(job, item);
		}
		if (was_not_created(job) && !is_created_again(item))
			d->no_lost_create = true;
		if (item->stale)
			bcd_item_expire(item, job->stage == BCD_UPDATE && d->outcome == BCD_RETRY);
	}
	bcd_retry_after_referred(job);
	bcd_items_record(items, n, job->stage);
	bcd_undo_settle(job);
	bcd_undo_decided(job->run, items, n);
	bcd_expire_referrers(job);
}

/* Puts items that have a place behind those that have none. */
static void
put_in_places(BcdJob *job)
{
	BcdItem   **placed = palloc0(sizeof(BcdItem *) * Max(job->nitems, 1));
	dlist_mutable_iter iter;
	int			i;

	dlist_foreach_modify(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.place == 0)
			continue;
		dlist_delete(&item->node);
		placed[item->decision.place - 1] = item;
	}
	for (i = 0; i < job->nitems; i++)
		if (placed[i])
			dlist_push_tail(&job->items, &placed[i]->node);
	pfree(placed);
}

/*
 * Called after the commit: items leave or move on, in their order.  Those that
 * stay in their stage go back to the head of its queue, the last one first.
 */
static void
move_items(BcdJob *job)
{
	dlist_head	stay;

	dlist_init(&stay);
	bcd_count_steps(job);
	put_in_places(job);
	while (!dlist_is_empty(&job->items))
	{
		BcdItem    *item = dlist_container(BcdItem, node, dlist_pop_head_node(&job->items));

		if (item->decision.outcome == BCD_DELETED || (item->decision.gone_id != 0 && item->decision.link == BCD_LINK_REMOVE))
			bcd_record_removed(item);
		if (!item->decision.leaves && item->decision.next == job->stage)
			dlist_push_head(&stay, &item->node);
		else
			bcd_item_move(job->lane, item, job->stage);
	}
	while (!dlist_is_empty(&stay))
		bcd_item_move(job->lane, dlist_container(BcdItem, node, dlist_pop_head_node(&stay)),
					  job->stage);
}

/*
 * Must this commit reach the disk, because the next request depends on it?  So
 * it does if a record is about to be hidden, created, or written at an
 * address, or if it is noted what an update writes or overwrites.
 */
static bool
must_last(BcdJob *job)
{
	dlist_iter	iter;

	if (job->stage == BCD_RECHECK || bcd_adjusts(job))
		return true;
	dlist_foreach(iter, &job->items)
	{
		const BcdItem *item = dlist_container(BcdItem, node, iter.cur);
		const BcdDecision *d = &item->decision;

		if (d->undo_id != 0 || d->lost_create || d->link == BCD_LINK_ASIDE || d->link == BCD_LINK_HIDING || (d->link == BCD_LINK_PUT && job->stage == BCD_TURN) || bcd_item_changes_intent(item, job->stage) ||
			bcd_changes_sent_fields(item, job->stage))
			return true;
	}
	return false;
}

/* Forgets decisions that were not committed; they will be made again. */
static void
forget_decisions(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		memset(&item->decision, 0, sizeof(item->decision));
	}
}

/*
 * Keeps the feeds of a job as they are until its outcome is recorded.  Nothing
 * is recorded for a feed that has become another one.
 */
static void
keep_lanes(BcdJob *job)
{
	BcdLane    *last = job->lane;
	dlist_iter	iter;

	(void) bcd_lane_keep(last);
	dlist_foreach(iter, &job->items)
	{
		BcdLane    *lane = dlist_container(BcdItem, node, iter.cur)->lane;

		if (lane != job->lane && lane != last)
			(void) bcd_lane_keep(last = lane);
	}
}

/* Called after the commit: stops lanes that were found to be lost. */
static void
stop_lost(BcdRun *run)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->lost && !run->lanes[i]->stopped)
			bcd_lane_stop(run->lanes[i], "its links were forgotten, or it was untracked");
}

/*
 * Settles a job in a transaction; returns false if this failed and was logged.
 */
static bool
settle_in_transaction(BcdJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		/* no other session need wait for this */
		const char *unreadable = parse_reply(job);

		bcd_tx_begin();
		if (!job->run->kind->asks_only)
			keep_lanes(job);
		decide(job, unreadable);
		if (job->reads)
			bcd_decide_twins(job);
		bcd_check_refusals(job);
		bcd_check_steps(job);
		put_back(job);
		record(job);
		bcd_job_count(job);
		/* losing this commit in a crash only costs a look-up */
		if (!must_last(job))
			bcd_tx_async();
		BCD_DEBUG_POINT("settling");
		bcd_tx_commit();
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not record the outcome of a request, trying again");
		forget_decisions(job);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	return done;
}

/*
 * Called after the commit: counts consecutive failures of jobs without items.
 * That a probe was answered says nothing about a list that is always refused:
 * that would be asked for again forever.
 */
static void
note_extra(const BcdJob *job)
{
	BcdLane    *lane = job->lane;

	lane->gates->troubles = lane->gates->troubled ? lane->gates->troubles + 1 : 0;
	if (!job->probe)
		lane->gates->unread = lane->gates->troubled ? lane->gates->unread + 1 : 0;
	if (!lane->gates->troubled && lane->run->error == NULL)
		lane->run->store->trouble[0] = '\0';
	lane->gates->troubled = false;
}

/* Ends a job. */
static void
end_job(BcdJob *job)
{
	BcdLane    *lane = job->lane;

	lane->gates->gate[job->stage].flying--;
	lane->gates->in_flight--;
	if (job->request && job->writes)
	{
		job->run->writing--;
		job->run->alone = false;
	}
	job->run->in_flight--;
	if (lane->gates->extra == job)
		lane->gates->extra = NULL;
	bcd_job_free(job);
}

static void
give_up_lane(BcdLane *lane)
{
	if (!lane->stopped)
		bcd_lane_stop(lane, "the outcome of a request could not be recorded (see the server log); its rows are pending");
}

/*
 * The outcome of a job could not be recorded; it is settled again later.  If
 * this takes too long, or the run is cancelled, its rows are left with an
 * unknown outcome, and nothing more is sent for their feeds.
 */
static void
settle_failed(BcdJob *job)
{
	BcdRun	   *run = job->run;

	if (++job->settle_failures < SETTLE_TRIES && (!run->cancelled || run->pausing))
	{
		job->settle_at = bcd_now_ms() + SETTLE_AGAIN_MS;
		dlist_push_tail(&run->unsettled, &job->node);
		return;
	}
	run->gave_up = true;
	if (job->nitems == 0)
		give_up_lane(job->lane);
	while (!dlist_is_empty(&job->items))
	{
		BcdItem    *item = dlist_container(BcdItem, node, dlist_pop_head_node(&job->items));
		BcdLane    *lane = item->lane;

		bcd_item_free(job->lane, item);
		give_up_lane(lane);
	}
	end_job(job);
}

/*
 * Settles a job that has its reply, or puts it into the run's list to be
 * settled later.
 */
void
bcd_settle(BcdJob *job)
{
	BCD_DEBUG_POINT("replied");
	if (!settle_in_transaction(job))
	{
		settle_failed(job);
		return;
	}
	BCD_DEBUG_POINT("settled");
	if (job->stage == BCD_CREATE)
		bcd_learn_promise(job);
	bcd_nested_learn(job);
	if (job->taken)
		job->taken(job);
	job->run->counts.conflicts += job->conflicts;
	if (job->nitems == 0)
		note_extra(job);
	stop_lost(job->run);
	move_items(job);
	end_job(job);
}
