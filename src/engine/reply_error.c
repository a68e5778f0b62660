/*
 * reply_error.c
 *		What an error reply, or no reply at all, means for each item.
 *
 * Only what the store says is relied upon; anything else is done again, in a
 * way that makes repetition harmless.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/json.h"
#include "engine/choice_read.h"
#include "engine/collections.h"
#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/element_keys.h"
#include "engine/endpoint.h"
#include "engine/endpoint_trouble.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/facets.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/lost_create.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/reply_stop.h"
#include "engine/riders.h"
#include "engine/stage.h"
#include "payload/payload.h"
#include "store/blame.h"
#include "store/verdict.h"

/* Maximum number of duplicates of one item that are looked up */
#define MOST_CLASHES	3

static BcdItem *
first_item(BcdJob *job)
{
	return dlist_head_element(BcdItem, node, &job->items);
}

/* Returns the reply's message in one line, palloc'd. */
static char *
error_text(const BcdHttpRequest *r)
{
	StringInfoData text;

	initStringInfo(&text);
	if (r->fate == BCD_HTTP_REPLIED)
		bcd_json_error_text(&text, r->status, r->headers.content_type, r->reply, r->reply_len);
	else
		appendStringInfoString(&text, r->error);
	return text.data;
}

/*
 * The same in the item's memory; the reply is parsed once for all items of a
 * batch.
 */
char *
bcd_reply_text(BcdJob *job, BcdItem *item)
{
	if (job->error_text == NULL)
		job->error_text = MemoryContextStrdup(GetMemoryChunkContext(job), error_text(job->request));
	return MemoryContextStrdup(item->cxt, job->error_text);
}

/*
 * A write was given up after the time limit: how long may the store still take to
 * carry it out?  Nobody knows; this is as long as it was waited for already.
 */
static int64
rest_of(const BcdJob *job)
{
	return job->writes && job->request->timed_out && job->request->fate == BCD_HTTP_UNKNOWN ? job->run->store->options->timeout_ms : 0;
}

/*
 * The request may or may not have been carried out.  Before an update is sent
 * again, the record is read; a create is preceded by a look-up.
 */
static void
decide_trouble(BcdJob *job, BcdItem *item, char *text)
{
	int			most = job->run->store->options->max_attempts;
	bool		afresh = item->attempts >= most;	/* it waited for rows */
	int			attempts = afresh ? 1 : item->attempts + 1;

	item->decision.afresh = afresh;
	if (!job->run->kind->claims && attempts < most)
	{
		/* no rows are claimed: the run itself waits, and asks again */
		if (!job->writes || job->request->fate == BCD_HTTP_NOT_SENT)
			bcd_decide_stage(item, job->stage);
		else if (job->stage == BCD_CREATE)
			bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
		else
			bcd_decide_stage(item, BCD_READ);
		item->decision.attempted = true;
		item->decision.group = bcd_item_group(job->lane, attempts);
		job->run->wake_at = Max(job->run->wake_at,
								bcd_now_ms() + Max(bcd_early_run_ms(job, attempts), rest_of(job)));
		return;
	}
	if (attempts >= most)
		bcd_decide_failed(item, BCD_FAILED,
						  psprintf("given up after %d attempts: %s%s", attempts, text, bcd_element_left_with(item)));
	else
		bcd_early_decide(job, item, attempts, text);
	item->decision.rest_ms = rest_of(job);
	item->decision.early_ms = Max(item->decision.early_ms, item->decision.rest_ms);
	if (item->unsure || (job->writes && job->request->fate != BCD_HTTP_NOT_SENT))
		item->decision.link = BCD_IS_FACET(job->stage) ? BCD_LINK_FORGET_FACET : BCD_LINK_FORGET;
}

/*
 * A record may be gone, but a server in between may have said so, or one of a
 * batch may be meant: it is read, and only then is the row without one.
 */
static void
decide_look(BcdJob *job, BcdItem *item, char *text)
{
	bcd_decide_stage(item, BCD_READ);
	item->decision.clashes = true;
	item->decision.error = text;
	item->decision.status = (int) job->request->status;
}

/*
 * An update was refused.  If the API does not say that the record is gone,
 * that may still be the reason, so it is read.
 */
static void
decide_refused(BcdJob *job, BcdItem *item, char *text)
{
	if (item->final_decision)
		bcd_not_put_back(item, text);
	else if (bcd_stage_is_collection(job->lane->feed->resource, job->stage) ? bcd_element_may_be_there(job) :
			 bcd_refusal_may_mean_gone(job) && !bcd_has_riders(item, job->stage) && !item->looked_up && !bcd_reason_is_unexpected(item->lookup_reason))
		decide_look(job, item, text);
	else if (job->stage != BCD_CREATE || !bcd_awaits_twin(item, text))
		bcd_decide_refused_at(item, job->stage, (int) job->request->status, text);
}

/*
 * May an item whose write met a duplicate be looked up again?  Not if it just
 * has been, unless before its create or to see which record has its key.
 */
static bool
may_look_again(const BcdItem *item)
{
	return !bcd_reason_is_unexpected(item->lookup_reason) || (item->store_id == 0 && item->lookup_reason == BCD_REASON_RECORD_GONE) ||
		(item->store_id != 0 && (item->lookup_reason == BCD_REASON_KEY_HOLDER || item->lookup_reason == BCD_REASON_NEXT_HOLDER));
}

/*
 * A create met a duplicate: the record was made since the look-up, perhaps by
 * a request of ours whose reply was lost.  Look it up again, once.
 */
static void
decide_conflict(BcdJob *job, BcdItem *item, char *text)
{
	if (item->final_decision)
		bcd_not_put_back(item, text);
	else if (!job->writes)
		decide_trouble(job, item, text);	/* a read cannot meet a duplicate */
	else if (BCD_IS_FACET(job->stage) && !bcd_facet_has_key(item, job->stage))
		decide_refused(job, item, text);	/* nor can a record without a key */
	else if (may_look_again(item) && item->clashes < MOST_CLASHES && item->wanted)
	{
		bcd_decide_lookup(item, job->stage == BCD_CREATE ? BCD_REASON_REFUSED_CREATE : BCD_REASON_KEY_HOLDER);
		if (item->decision.leaves)
			return;
		item->decision.clashes = true;
		item->decision.error = text;
		item->decision.status = (int) job->request->status;
	}
	else if (job->stage != BCD_CREATE || !bcd_awaits_twin(item, text))
		bcd_decide_refused_at(item, job->stage, (int) job->request->status, text);
}

/*
 * Status 207 without any record, for an item sent alone: it was refused.  But
 * a record that was to be created may exist without a part of it.
 */
void
bcd_decide_unsaved(BcdJob *job, BcdItem *item)
{
	char	   *text = bcd_reply_text(job, item);

	if (job->stage == BCD_CREATE)
		decide_conflict(job, item, text);
	else
		decide_refused(job, item, text);
}

/*
 * Records that are missing from the reply to a write, where the store leaves
 * out those that equal another one: it has written nothing.  But an update may
 * have met no record at all, so that is read before.
 */
void
bcd_decide_dropped(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.made || (job->stage == BCD_UPDATE && item->attempts == 0))
			continue;
		decide_conflict(job, item, MemoryContextStrdup(item->cxt, "the store has ignored it, because it has the same record already"));
	}
}

/* 404 */
static void
decide_not_found(BcdJob *job, BcdItem *item, char *text)
{
	if (item->final_decision)
	{
		bcd_not_put_back(item, text);
		if (item->purpose == BCD_PURPOSE_LET_GO)
		{
			item->decision.gone_id = item->store_id;
			item->decision.link = BCD_LINK_REMOVE;
		}
	}
	else if (job->stage == BCD_READ && item->refusal && item->refused_at == BCD_REMOVE && bcd_is_keyed(item))
	{
		/*
		 * what it is part of is gone, too, if the store still says so a
		 * moment later
		 */
		if (item->attempts > 0)
			bcd_decide_removed(item);
		else
			decide_trouble(job, item, text);
	}
	else if (job->stage == BCD_READ && bcd_is_keyed(item) && !job->run->kind->claims)
		job->run->kind->decide_read(item, NULL);	/* what it is part of is
													 * gone */
	else if (job->below)
	{
		bcd_decide_stage(item, BCD_READ);	/* in the list of all records */
		item->decision.rereads = true;
	}
	else if (BCD_IS_FACET(job->stage))
		decide_refused(job, item, text);
	else if (job->stage != BCD_UPDATE && job->stage != BCD_REMOVE)
		bcd_decide_refused(item, text);
	else if (job->stage == BCD_UPDATE && item->looked_up && item->wanted)
		decide_trouble(job, item, text);	/* it existed a moment ago */
	else
		decide_look(job, item, text);
}

/* Every undecided item goes back to its queue; nothing is recorded. */
static void
decide_again(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (!item->decision.made)
			bcd_decide_stage(item, job->stage);
	}
}

/*
 * The record with an item's natural key has no usable id.  It exists, so the
 * item must not be created.  record NULL: its fields are unknown.
 */
void
bcd_decide_no_id(BcdJob *job, BcdItem *item, const cJSON *record)
{
	const char *field = item->lane->feed->resource->id;
	char	   *text = record ?
	psprintf("the store lists its record without a usable %s: %s", field, bcd_id_text(record, field)) :
	psprintf("the store lists its record without a usable %s", field);

	text = MemoryContextStrdup(item->cxt, text);
	if (job->run->kind->claims)
		decide_trouble(job, item, text);
	else
		bcd_decide_failed(item, BCD_FAILED, text);
}

/*
 * Items without a decision have an unknown result.  A record that is missing
 * from the reply to its update may be gone.
 */
void
bcd_judge_rest(BcdJob *job, const char *text)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.made || bcd_look_for_unnamed(job, item))
			continue;
		if (job->stage == BCD_UPDATE && item->wanted && item->attempts == 0 && !bcd_is_keyed(item))
			bcd_decide_read_first(item);
		else
			decide_trouble(job, item, MemoryContextStrdup(item->cxt, text));
	}
}

/* A list was too large: makes its pages smaller.  Returns false if they cannot be. */
static bool
ask_for_less(BcdJob *job)
{
	if (job->writes || job->limit <= 1)
		return false;
	bcd_batch_too_large(job, job->limit);
	return true;
}

/* Something that all items need could not be read or created. */
static void
judge_preparation(BcdJob *job, BcdVerdict verdict, char *text)
{
	dlist_iter	iter;

	if (bcd_choices_read_apart(job, verdict))
		return;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		/* someone else may have made it in the meantime */
		if (verdict == BCD_TROUBLE || verdict == BCD_CONFLICT)
			decide_trouble(job, item, MemoryContextStrdup(item->cxt, text));
		else if (BCD_IS_FACET(job->stage))
			bcd_decide_refused_at(item, job->stage, (int) job->request->status, MemoryContextStrdup(item->cxt, text));
		else
			bcd_decide_refused(item, MemoryContextStrdup(item->cxt, text));
	}
}

/* An error reply decides on all items alike, or splits the batch. */
static void
judge_items(BcdJob *job, BcdVerdict verdict)
{
	int			records = bcd_job_records(job);
	dlist_iter	iter;
	char	   *text;

	if (verdict == BCD_AGAIN)
	{
		decide_again(job);
		return;
	}
	if (job->nitems == 0)
		return;
	verdict = bcd_keyed_verdict(job, verdict);
	text = bcd_reply_text(job, first_item(job));
	if (verdict == BCD_STOP_FEED && bcd_may_deny_record(job))
	{
		verdict = BCD_REFUSED;
		text = psprintf("%s; the record may belong to another app", text);
	}
	if (verdict == BCD_STOP_FEED || job->request->status == 405)
		bcd_merge_facet(job, text);
	if (verdict == BCD_STOP_FEED)
		bcd_stop_feeds(job, bcd_with_advice(job, text));
	if (verdict == BCD_STOP_STORE)
		bcd_stop_store(job, text);
	if (verdict == BCD_STOP_FEED || verdict == BCD_STOP_STORE)
	{
		decide_again(job);
		return;
	}
	if (job->prepares != 0)
	{
		judge_preparation(job, verdict, text);
		return;
	}

	/*
	 * A 404 says nothing about the records of a list.  If a row that is gone
	 * were taken to be without a record for that, nothing would ever look for
	 * it again; and a row that is looked up would fail at once.
	 */
	if (verdict == BCD_GONE && (job->stage == BCD_READ || job->stage == BCD_LOOKUP) && !job->below && job->lane->feed->resource->id)
		verdict = BCD_TROUBLE;
	/* what records without an id are part of has to be missing twice */
	if (verdict == BCD_GONE && job->stage == BCD_READ && job->lane->feed->resource->id == NULL && first_item(job)->attempts == 0)
		verdict = BCD_TROUBLE;
	if (bcd_create_singly(job, verdict, text))
		return;
	if (verdict == BCD_TOO_LARGE && ask_for_less(job) && job->nitems == 1)
	{
		decide_again(job);
		return;
	}
	if (records > 1 && ((verdict == BCD_TOO_LARGE && job->writes) ||
						(verdict == BCD_REFUSED && bcd_blames_size(text, records))))
		bcd_batch_too_large(job, records);
	else if (verdict == BCD_GONE && bcd_read_all_first(job))
		return;
	else if (verdict == BCD_GONE && bcd_were_read(job))
		bcd_merge_facet(job, text);
	else if (verdict == BCD_CONFLICT && bcd_look_at_all(job))
		return;
	else if ((verdict == BCD_REFUSED || verdict == BCD_CONFLICT) && bcd_set_apart(job))
		return;
	/* all records of a delete, or at one path, are missing at once */
	if (verdict != BCD_TROUBLE && !(verdict == BCD_GONE && (job->stage == BCD_REMOVE || job->stage == BCD_READ)) &&
		(bcd_split(job, (job->nitems + 1) / 2) || bcd_split_elements(job)))
		return;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.made)
			continue;
		if (verdict == BCD_TROUBLE)
			decide_trouble(job, item, MemoryContextStrdup(item->cxt, text));
		else if (verdict == BCD_CONFLICT ||
				 (verdict == BCD_REFUSED && job->stage == BCD_CREATE && item->lane->feed->resource->twin_is_refused))
			decide_conflict(job, item, text);
		else if (verdict == BCD_GONE)
			decide_not_found(job, item, text);
		else
			decide_refused(job, item, text);
	}
}

/* Why the store is in trouble, until it answers; cut where a character ends */
static void
note_trouble(BcdStore *store, const char *words)
{
	int			len = pg_mbcliplen(words, strlen(words), sizeof(store->trouble) - 1);

	memcpy(store->trouble, words, len);
	store->trouble[len] = '\0';
}

/*
 * A job without items (a page, a tree, a probe) failed.  It is planned again a
 * few times; then its feed is stopped, or all feeds if the store does not even
 * answer a probe.  The rows stay pending.
 */
static void
judge_extra(BcdJob *job, BcdVerdict verdict)
{
	BcdRun	   *run = job->run;
	BcdLane    *lane = job->lane;
	BcdHttpRequest *r = job->request;
	int			attempts = Max(lane->gates->troubles, job->probe ? 0 : lane->gates->unread) + 1;
	char	   *text;

	if (verdict == BCD_AGAIN || (job->probe && r->fate == BCD_HTTP_REPLIED && verdict != BCD_TROUBLE) ||
		(verdict == BCD_TOO_LARGE && ask_for_less(job)))
		return;
	text = error_text(r);
	if (job->lists)
		text = psprintf("the list of %s cannot be read: %s", job->lists->words, text);
	if (verdict == BCD_STOP_STORE)
		bcd_stop_store(job, text);
	else if (verdict == BCD_STOP_FEED)
		bcd_stop_feed(lane, bcd_with_advice(job, text));
	else if (verdict == BCD_TROUBLE && attempts < run->store->options->max_attempts)
	{
		lane->gates->troubled = true;
		run->wake_at = Max(run->wake_at, bcd_now_ms() + bcd_retry_backoff_ms(attempts, false, bcd_random()));
		note_trouble(run->store, psprintf("the store does not answer as it should, and is asked again: %s", text));
	}
	else if (!job->probe)
		bcd_lane_stop(lane, psprintf("the store does not answer: %s", text));
	else if (run->error == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 psprintf("the store does not answer: %s", text));
}

/* Decides on everything in a job whose reply was not a success. */
void
bcd_judge(BcdJob *job, BcdVerdict verdict)
{
	bcd_parse_refusal(job);
	if (job->nitems == 0)
		judge_extra(job, verdict);
	else
		judge_items(job, verdict);
}
