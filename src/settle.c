/*
 * settle.c
 *		From good replies to decisions, and from decisions to tables.
 *
 * A job is settled in one transaction: its reply is read, every item gets a
 * decision, link, pending and result are written.  Only after the commit do
 * the items move.  A transaction that fails is done again a little later;
 * the reply is kept until then.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "db.h"
#include "debug.h"
#include "engine.h"
#include "json.h"
#include "judge.h"
#include "payload.h"
#include "queue.h"
#include "results.h"
#include "retry.h"

/* After a settle that failed: milliseconds until the next try, most tries */
#define SETTLE_AGAIN_MS 1000
#define SETTLE_TRIES	60

/* A value that is refused so often while others are saved will not be taken */
#define PARTIAL_ATTEMPTS	3

/* A row whose record may be another row's comes back so much later */
#define TWIN_MS			1000

/* So does one that has emptied its key for another row */
#define ASIDE_MS		1000

/* The data of a reply as a list: the API answers one record bare or in an array. */
static const cJSON *
next_record(const cJSON *data, const cJSON *previous)
{
	if (data == NULL)
		return NULL;
	if (cJSON_IsArray(data))
		return previous ? previous->next : data->child;
	return previous == NULL && cJSON_IsObject(data) ? data : NULL;
}

/* The record of a reply that belongs to an item: by id, else by natural key. */
static const cJSON *
record_for(BcdLane *lane, BcdItem *item, const cJSON *data, int nitems)
{
	const BcdResource *r = lane->feed->resource;
	const cJSON *record = NULL;

	while ((record = next_record(data, record)) != NULL)
	{
		const cJSON *name;
		int64		id = 0;
		int64		scope = 0;

		(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->id), &id);
		if (item->store_id != 0)
		{
			if (id == item->store_id)
				return record;
			continue;
		}
		if (id <= 0)
			continue;
		if (nitems == 1)
			return record;
		name = cJSON_GetObjectItemCaseSensitive(record, r->natural[item->natural_index]);
		if (!cJSON_IsString(name) || strcmp(name->valuestring, item->natural) != 0)
			continue;
		if (r->scope &&
			bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, r->scope), &scope) &&
			scope != bcd_payload_integer(item->wanted, r->scope))
			continue;
		return record;
	}
	return NULL;
}

/* The record has no natural key now: the row is pushed again, with all fields. */
static void
decide_aside(BcdItem *item)
{
	item->known = NULL;
	bcd_decide_wait(item, ASIDE_MS,
					"another row of the feed has to take the record's old key first");
	item->decision.link = BCD_LINK_PUT;
}

/* The store has taken an item's write. */
static void
decide_written(BcdItem *item, BcdStage stage)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	item->lane->refused = 0;
	if (item->aside)
		decide_aside(item);
	else if (stage == BCD_CREATE)
	{
		item->known = item->wanted;
		bcd_decide_done(item, BCD_CREATED, BCD_LINK_PUT);
	}
	else
	{
		bool		hidden = item->wanted == NULL;

		/* fields that are not mapped any more are not ours any more */
		item->known = hidden ? bcd_payload_merge(item->known, item->body) : item->wanted;
		bcd_decide_done(item, hidden ? BCD_HIDDEN : BCD_UPDATED, BCD_LINK_PUT);
	}
	MemoryContextSwitchTo(old);
}

/* What the store holds of a row that was saved in part, as its reply has it. */
static Jsonb *
known_in_part(const BcdResource *resource, BcdItem *item, const cJSON *record)
{
	Jsonb	   *known = bcd_payload_agreeing(resource, item->wanted, record);
	JsonbValue	null;

	if (!bcd_payload_is_hidden(resource, item->wanted, item->known))
		return known;
	null.type = jbvNull;
	return bcd_payload_set(known, resource->hidden_by, &null);
}

/*
 * 207: the record is there, a part of it was not saved.  Alone, what was
 * saved is known from the reply; in a batch, nobody knows whose part it was,
 * so each record is written again alone: updates may be repeated.
 */
static void
decide_partial(BcdJob *job, BcdItem *item, const cJSON *record)
{
	BcdLane    *lane = job->lane;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *text = bcd_reply_text(job, item);

	if (job->stage == BCD_CREATE)
		(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, lane->feed->resource->id),
							  &item->store_id);
	if (item->wanted)
		item->known = known_in_part(lane->feed->resource, item, record);
	if (job->nitems > 1 && job->stage == BCD_UPDATE)
	{
		item->group = 1;
		bcd_decide_stage(item, BCD_UPDATE);
	}
	else if (item->attempts + 1 >= Min(PARTIAL_ATTEMPTS, job->run->store->options->max_attempts))
		bcd_decide_failed(item, BCD_FAILED, psprintf("saved in part: %s", text));
	else
		bcd_decide_wait(item, bcd_retry_backoff_ms(item->attempts + 1, true, job->run->spread),
						psprintf("saved in part: %s", text));
	if (item->store_id != 0 && item->wanted && item->decision.leaves)
		item->decision.link = BCD_LINK_PUT;
	MemoryContextSwitchTo(old);
}

/* Reads of a reply by ids. */
static void
read_records(BcdJob *job, const cJSON *reply)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	bool		cut = bcd_reply_is_cut(job, reply);
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = record_for(job->lane, item, data, job->nitems);

		if (record == NULL && cut)
		{
			item->group = Max(job->nitems / 2, 1);
			bcd_decide_stage(item, BCD_READ);
		}
		else
			job->run->kind->decide_read(item, record);
	}
}

/*
 * Some endpoints answer 207 as soon as they may have something to say: one
 * that names no error, and whose counters say that all was saved, is success.
 */
static bool
all_saved(const BcdJob *job, const cJSON *reply)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(reply, "meta");
	const cJSON *errors = cJSON_GetObjectItemCaseSensitive(reply, "errors");
	int64		success;
	int64		failed;

	return (errors == NULL || cJSON_IsNull(errors) ||
			((cJSON_IsArray(errors) || cJSON_IsObject(errors)) && errors->child == NULL)) &&
		bcd_json_int64(cJSON_GetObjectItemCaseSensitive(meta, "success"), &success) &&
		bcd_json_int64(cJSON_GetObjectItemCaseSensitive(meta, "failed"), &failed) &&
		success == job->nitems && failed == 0;
}

/* Reads a good reply of a stage other than LOOKUP. */
void
bcd_settle_read(BcdJob *job, const cJSON *reply)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	bool		partial = job->request->status == 207 && !all_saved(job, reply);
	bool		silent;			/* some replies name no record */
	BcdItem    *first = dlist_head_element(BcdItem, node, &job->items);
	dlist_iter	iter;

	if (job->stage == BCD_READ)
	{
		read_records(job, reply);
		return;
	}
	silent = reply == NULL ||
		(cJSON_IsObject(reply) && data == NULL) ||
		(cJSON_IsObject(data) &&
		 cJSON_GetObjectItemCaseSensitive(data, job->lane->feed->resource->id) == NULL);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = record_for(job->lane, item, data, job->nitems);

		if (job->stage == BCD_REMOVE)
			bcd_decide_done(item, BCD_DELETED, BCD_LINK_REMOVE);
		else if (partial && record)
			decide_partial(job, item, record);
		else if (partial)
			continue;
		else if (job->stage == BCD_CREATE && record)
		{
			(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record,
																   job->lane->feed->resource->id),
								  &item->store_id);
			decide_written(item, BCD_CREATE);
		}
		else if (job->stage == BCD_UPDATE && (record || silent))
			decide_written(item, BCD_UPDATE);
	}

	/*
	 * What the reply does not name: sent alone it is judged by the reply's
	 * text, in a batch it is sent again alone.
	 */
	if (partial && job->nitems > 1)
	{
		dlist_foreach(iter, &job->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (item->decision.made)
				continue;
			item->group = 1;
			bcd_decide_stage(item, job->stage == BCD_CREATE ? BCD_LOOKUP : job->stage);
			item->decision.clashes = job->stage == BCD_CREATE;
		}
	}
	else if (partial && !first->decision.made)
		bcd_decide_unsaved(job, first);
	bcd_judge_rest(job, "the store's reply did not mention the record");
}

/* Lets the reply decide the items. */
static void
decide(BcdJob *job)
{
	BcdHttpRequest *r = job->request;
	BcdVerdict	verdict;

	if (r == NULL)
	{
		job->read(job, NULL);
		return;
	}
	verdict = bcd_retry_verdict(r->fate, r->status);
	if (verdict == BCD_OK || verdict == BCD_PARTIAL)
	{
		const char *reason = NULL;
		bool		body = r->reply_len > 0;

		if (job->reply == NULL && body)
			job->reply = bcd_json_parse(r->reply, r->reply_len, &reason);
		/* 202 and 204 have nothing to say, every other success has */
		if (job->reply || (!body && (r->status == 204 || r->status == 202)))
		{
			job->read(job, job->reply);
			return;
		}
		snprintf(r->error, sizeof(r->error), "status %ld, but the reply cannot be read: %s",
				 r->status, reason ? reason : "it is empty");
		r->fate = BCD_HTTP_UNKNOWN;
		verdict = BCD_TROUBLE;
	}
	bcd_judge(job, verdict);
}

/* Of several rows that have found the same record, the first one has it. */
static void
decide_twins(BcdJob *job)
{
	dlist_iter	iter;
	dlist_iter	before;

	if (job->stage != BCD_LOOKUP && job->stage != BCD_READ)
		return;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.link != BCD_LINK_PUT)
			continue;
		dlist_foreach(before, &job->items)
		{
			BcdItem    *other = dlist_container(BcdItem, node, before.cur);

			if (other == item)
				break;
			if (other->decision.link == BCD_LINK_PUT && other->store_id == item->store_id)
			{
				memset(&item->decision, 0, sizeof(item->decision));
				if (item->seeking || other->seeking)
					bcd_decide_wait(item, TWIN_MS, MemoryContextStrdup(item->cxt,
																	   psprintf("the record that may be this row's was found for row %s, too", other->key)));
				else
					bcd_decide_taken(item, other->store_id, other->key);
				break;
			}
		}
	}
}

/* Has the store said that a create was not done? */
static bool
was_not_created(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;
	BcdVerdict	verdict;

	if (job->stage != BCD_CREATE || r == NULL || r->fate != BCD_HTTP_REPLIED)
		return false;
	verdict = bcd_retry_verdict(r->fate, r->status);
	return verdict != BCD_OK && verdict != BCD_PARTIAL && verdict != BCD_TROUBLE;
}

/*
 * A write that was refused is an attempt, too, when the item goes on: alone,
 * or to a look-up.  Not so after a 429, where nobody looked at it.
 */
static void
note_refusal(BcdJob *job, BcdItem *item)
{
	BcdDecision *d = &item->decision;

	if (job->stage < BCD_CREATE || d->leaves || d->outcome != BCD_NO_OUTCOME ||
		job->request->status == 429)
		return;
	d->outcome = BCD_RETRY;
	if (d->error == NULL)
		d->error = bcd_reply_text(job, item);
}

/* Writes the decisions of a job's items; in a transaction. */
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
		if (r && d->outcome != BCD_NO_OUTCOME)
		{
			if (d->status == 0)
				d->status = (int) r->status;
			strlcpy(d->request_id, r->headers.request_id[0] ? r->headers.request_id :
					r->correlation_id, sizeof(d->request_id));
		}
		if (was_not_created(job) && (d->leaves || d->next != BCD_CREATE))
			d->unsought = true;
	}
	bcd_items_record(items, n);
}

/*
 * After the commit: items leave or go on, in their order.  Those that stay in
 * their stage go back to the head of its queue, the last one first.
 */
static void
move_items(BcdJob *job)
{
	dlist_head	stay;

	dlist_init(&stay);
	while (!dlist_is_empty(&job->items))
	{
		BcdItem    *item = dlist_container(BcdItem, node, dlist_pop_head_node(&job->items));

		if (!item->decision.leaves && item->decision.next == job->stage)
			dlist_push_head(&stay, &item->node);
		else
			bcd_item_move(job->lane, item, job->stage);
	}
	while (!dlist_is_empty(&stay))
		bcd_item_move(job->lane, dlist_container(BcdItem, node, dlist_pop_head_node(&stay)),
					  job->stage);
}

static void
forget_decisions(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
		memset(&dlist_container(BcdItem, node, iter.cur)->decision, 0, sizeof(BcdDecision));
}

/*
 * Does the next request depend on what is recorded?  That a record is about
 * to be hidden, or created, must be known for good before.
 */
static bool
must_last(BcdJob *job)
{
	dlist_iter	iter;

	if (job->stage == BCD_RECHECK)
		return true;
	dlist_foreach(iter, &job->items)
		if (dlist_container(BcdItem, node, iter.cur)->decision.sought)
		return true;
	return false;
}

/* The refusals in a row of each lane, which decisions count. */
static int *
refusals(const BcdRun *run)
{
	int		   *refused = palloc(sizeof(int) * run->nlanes);
	int			i;

	for (i = 0; i < run->nlanes; i++)
		refused[i] = run->lanes[i]->refused;
	return refused;
}

/* The decisions were not committed, and will be made again. */
static void
reset_refusals(BcdRun *run, const int *refused)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
		run->lanes[i]->refused = refused[i];
}

/* The transaction of a settle; false when it failed and was logged. */
static bool
settle_in_transaction(BcdJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	int		   *refused = refusals(job->run);
	int64		conflicts = job->run->counts.conflicts;
	volatile bool done = false;

	PG_TRY();
	{
		bcd_tx_begin();
		decide(job);
		decide_twins(job);
		record(job);
		/* losing this commit in a crash costs a look-up, not a row */
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
		reset_refusals(job->run, refused);
		job->run->counts.conflicts = conflicts;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	pfree(refused);
	return done;
}

/* After the commit: failures of jobs of no items are counted in a row. */
static void
note_extra(BcdLane *lane)
{
	lane->troubles = lane->troubled ? lane->troubles + 1 : 0;
	if (!lane->troubled && lane->run->error == NULL)
		lane->run->store->trouble[0] = '\0';
	lane->troubled = false;
}

/* The job is over. */
static void
end_job(BcdJob *job)
{
	BcdLane    *lane = job->lane;

	lane->flying[job->stage]--;
	lane->in_flight--;
	job->run->in_flight--;
	if (lane->extra == job)
		lane->extra = NULL;
	bcd_job_free(job);
}

/*
 * What came of a job could not be written: it is settled again later.  When
 * that goes on for too long, or somebody wants the run to end, the run ends,
 * and its rows are of unknown fate.
 */
static void
settle_failed(BcdJob *job)
{
	BcdRun	   *run = job->run;

	forget_decisions(job);
	if (++job->settle_failures < SETTLE_TRIES && !run->cancelled)
	{
		job->settle_at = bcd_now_ms() + SETTLE_AGAIN_MS;
		dlist_push_tail(&run->unsettled, &job->node);
		return;
	}
	run->gave_up = true;
	if (run->error == NULL && !run->cancelled)
		run->error = MemoryContextStrdup(run->cxt,
										 "the outcome of a request could not be recorded, the server's log says why; its rows are pending");
	while (!dlist_is_empty(&job->items))
		bcd_item_free(job->lane, dlist_container(BcdItem, node, dlist_pop_head_node(&job->items)));
	end_job(job);
}

/*
 * Settles a job whose reply is there, or leaves it in the run's list to be
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
	if (job->taken)
		job->taken(job);
	if (job->nitems == 0)
		note_extra(job->lane);
	if (job->stage == BCD_REMOVE)
		job->run->removals++;
	move_items(job);
	end_job(job);
}
