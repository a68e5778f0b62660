/*
 * adjust.c
 *		Adjustments: writes that would change the record again if repeated.
 *
 * A stock table may be pushed as differences (payload/counted.c).  Sent twice,
 * a difference counts twice, so what other writes rely on does not apply here:
 *
 * - An adjustment is noted in bcdelta.link.doubt, on disk, before its request
 *	 is sent, and the note is removed with its outcome.  Wherever the worker dies,
 *	 the note is there if the store may have got the request.
 * - If the outcome is not known, the adjustment is not sent again.  The record
 *	 is read, and the row waits in review for a person, who is told what the
 *	 store had before and what it has now (functions/settle.c).  So it does when
 *	 it changes once more.
 * - The store may keep a part of a batch that it refuses.  The records of such a
 *	 batch are read: those that still have the level from before the request
 *	 were not adjusted, and are sent again, as batches are split otherwise.
 *
 * Therefore the records are read before an adjustment.  The store shows a
 * change only after a while, and takes adjustments of what it shows: a row
 * waits until its last write is visible.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "engine/adjust.h"
#include "engine/decide.h"
#include "engine/facets.h"
#include "engine/item_tasks.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/stage.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/verdict.h"
#include "tables/link_doubt.h"
#include "tables/stock_level.h"

/* Does a request send adjustments? */
bool
bcd_adjusts(const BcdJob *job)
{
	const BcdEndpoint *endpoint = job->endpoint;

	return job->request && endpoint && endpoint->once && job->writes;
}

static const BcdFacet *
facet_of(const BcdItem *item)
{
	return bcd_counting_facet(item->lane->feed->resource, item->lane->feed->options_json);
}

/* How long the store may not show an adjustment */
static int64
delay_of(const BcdEndpoint *endpoint)
{
	return BCD_DEBUG_TIME(endpoint->reply->delay_ms);
}

/*
 * The record of a claimed item is to be read, but the store may not show yet
 * what was last written to it with this facet.  Decides that the row waits; or
 * returns false, and nothing is decided.
 */
bool
bcd_waits_to_be_shown(BcdItem *item, const BcdFacet *facet)
{
	int64		wait = delay_of(facet->update.endpoint);

	wait = Min(wait - item->written_ms, wait);
	if (item->written_ms == PG_INT64_MAX || wait <= 0)
		return false;
	bcd_decide_wait(item, wait, NULL);
	item->decision.outcome = BCD_NO_OUTCOME;
	item->decision.unsent = true;
	return true;
}

static bool
has_task(List *tasks, const BcdFacet *facet)
{
	ListCell   *lc;

	foreach(lc, tasks)
		if (((BcdTask *) lfirst(lc))->facet == facet)
		return true;
	return false;
}

/*
 * Decides on a claimed item whose record has to be read before anything is
 * sent, because it is to be adjusted, or because it is not known whether it
 * was; false, and nothing is decided: there is no such item.  A record that is
 * removed, or written as a whole, need not be read.
 */
bool
bcd_adjust_claimed(BcdItem *item, const BcdDifference *d)
{
	const BcdFacet *facet = facet_of(item);

	if (facet == NULL || item->wanted == NULL || (d->need != BCD_NEEDS_NOTHING && d->need != BCD_NEEDS_UPDATE) ||
		(item->doubt ? bcd_keyed_moves(item) != NULL : !has_task(d->tasks, facet)))
		return false;
	if (bcd_waits_to_be_shown(item, facet))
		return true;
	bcd_decide_stage(item, BCD_READ);
	item->decision.unsent = true;
	return true;
}

/*
 * Describes the adjustment that an item is about to send.  Many items may wait
 * with theirs, so nothing else that it takes stays in memory.
 */
static Jsonb *
doubt_of(const BcdItem *item, const BcdFacet *facet, const cJSON *level)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta doubt", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	const char *field = facet->changes_of;
	JsonbValue	v;
	Jsonb	   *doubt;

	v.type = jbvString;
	v.val.string.val = (char *) field;
	v.val.string.len = strlen(field);
	doubt = bcd_payload_set(NULL, "field", &v);
	if (getKeyJsonValueFromContainer(&item->known->root, field, strlen(field), &v))
		doubt = bcd_payload_set(doubt, "from", &v);
	if (getKeyJsonValueFromContainer(&item->wanted->root, field, strlen(field), &v))
		doubt = bcd_payload_set(doubt, "to", &v);
	if (level)
		doubt = bcd_payload_merge(doubt, bcd_payload_from_json("level", level));
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(doubt, scratch);
}

static Numeric
number_of(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * Returns why the store would refuse an adjustment that brings a level too low,
 * as it would refuse all others of the request; or NULL.
 */
static char *
flaw_of(const BcdItem *item, const BcdFacet *facet, const cJSON *record)
{
	char	   *level = bcd_json_text(cJSON_GetObjectItemCaseSensitive(record, facet->changes_of));
	const cJSON *bound = facet->not_below ? cJSON_GetObjectItemCaseSensitive(record, facet->not_below) : NULL;
	char	   *least = cJSON_IsNumber(bound) ? bcd_json_text(bound) : NULL;
	char	   *by = bcd_counted_difference(item->wanted, item->known, facet->changes_of);
	Numeric		result;

	if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(record, facet->changes_of)) || by[0] != '-')
		return NULL;
	result = DatumGetNumeric(DirectFunctionCall2(numeric_add, NumericGetDatum(number_of(level)), NumericGetDatum(number_of(by))));
	if (DatumGetBool(DirectFunctionCall2(numeric_ge, NumericGetDatum(result), NumericGetDatum(number_of(least ? least : "0")))))
		return NULL;
	return psprintf("%s: the store has %s, and cannot change that by %s%s%s%s", facet->changes_of, level, by,
					least ? ": its " : "", least ? facet->not_below : "", least ? psprintf(" is %s", least) : "");
}

/* A person has to decide: the row waits in review. */
static void
decide_review(BcdItem *item, const cJSON *level)
{
	char	   *field = bcd_payload_text(item->doubt, "field");
	char	   *from = bcd_payload_text(item->doubt, "from");
	char	   *to = bcd_payload_text(item->doubt, "to");
	char	   *before = bcd_payload_text(item->doubt, "level");
	char	   *now = bcd_json_text(level);

	bcd_decide_failed(item, BCD_FAILED,
					  psprintf("it is not known whether the store has changed %s by %s, for the change of the row from %s to %s: it had %s before, and has %s now; bcdelta.settle() tells which",
							   field, DatumGetCString(DirectFunctionCall1(numeric_out,
																		  DirectFunctionCall2(numeric_sub, NumericGetDatum(number_of(to)), NumericGetDatum(number_of(from))))),
							   from, to, before ? before : "an unknown quantity", now ? now : "none that it lists"));
	item->decision.pending = BCD_PENDING_REVIEW;
}

/* Does the store still have what it had before the adjustment? */
static bool
is_unchanged(const BcdItem *item, const cJSON *level)
{
	char	   *before = bcd_payload_text(item->doubt, "level");
	char	   *now = bcd_json_text(level);

	return before && now ? strcmp(before, now) == 0 : before == now;
}

/*
 * Before an item of a rollback sends the tasks that were decided on: describes
 * the adjustment among them, if there is one.
 */
void
bcd_adjust_prepare(BcdItem *item, const cJSON *record)
{
	const BcdFacet *facet = facet_of(item);

	if (facet && !item->decision.leaves && has_task(item->decision.tasks, facet))
		bcd_decide_record(item)->doubt = doubt_of(item, facet, cJSON_GetObjectItemCaseSensitive(record, facet->changes_of));
}

/*
 * Decides on an item whose record was read because of an adjustment (NULL: the
 * store lists none); false, and nothing is decided: it was read for another
 * reason.
 */
bool
bcd_adjust_read(BcdItem *item, const cJSON *record)
{
	const BcdFacet *facet = facet_of(item);
	const cJSON *level = facet ? cJSON_GetObjectItemCaseSensitive(record, facet->changes_of) : NULL;
	MemoryContext old;
	List	   *tasks;
	char	   *flaw = NULL;

	if (facet == NULL || item->wanted == NULL || (item->refusal && item->refused_at == BCD_REMOVE))
		return false;
	if (bcd_payload_has(item->known, facet->changes_of) && bcd_payload_has(item->wanted, facet->changes_of))
		flaw = flaw_of(item, facet, record);
	old = MemoryContextSwitchTo(item->cxt);
	tasks = bcd_item_tasks(item);
	if (item->in_doubt && !(item->reread && is_unchanged(item, level)))
		decide_review(item, level);
	else if (tasks == NIL)
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
	else if (has_task(tasks, facet) && flaw)
		bcd_decide_failed(item, BCD_FAILED, pstrdup(flaw));
	else
	{
		BcdTask    *first = linitial(tasks);

		(void) bcd_decide_tasks(item, tasks);
		bcd_decide_stage(item, bcd_stage_of(first));
		bcd_decide_record(item)->doubt = doubt_of(item, facet, level);
		/* what the store does not list, it will refuse */
		if (level == NULL)
			item->decision.group = 1;
	}
	if (item->decision.pending != BCD_PENDING_REVIEW)
	{
		if (item->in_doubt)
			item->decision.link = BCD_LINK_TRUST;
		bcd_decide_record(item)->in_doubt = false;
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* Notes the adjustments of a job's items, feed by feed. */
static void
note(BcdJob *job)
{
	Datum	   *keys = palloc(sizeof(Datum) * job->nitems);
	Datum	   *doubts = palloc(sizeof(Datum) * job->nitems);
	BcdRun	   *run = job->run;
	dlist_iter	iter;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		const BcdFeed *feed = run->lanes[i]->feed;
		int			n = 0;

		dlist_foreach(iter, &job->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (item->lane->feed != feed)
				continue;
			keys[n] = CStringGetTextDatum(item->key);
			doubts[n++] = JsonbPGetDatum(item->doubt);
		}
		if (n > 0 && bcd_links_doubt(feed->name, bcd_array(TEXTOID, keys, NULL, n),
									 bcd_array(JSONBOID, doubts, NULL, n)) != n)
			elog(ERROR, "links of feed \"%s\" have gone while their rows were pushed", feed->name);
	}
}

/*
 * Returns why nothing may be sent for one of a job's feeds, and its lane, or
 * NULL.
 */
static char *
hold(BcdJob *job, BcdLane **held)
{
	char	   *reason = NULL;
	BcdLane    *last = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdLane    *lane = dlist_container(BcdItem, node, iter.cur)->lane;

		if (lane != last && reason == NULL)
			reason = bcd_lane_hold(last = lane);
	}
	*held = last;
	return reason;
}

/* Puts the items of a job that is not sent back into their queue. */
static void
put_back(BcdJob *job)
{
	while (!dlist_is_empty(&job->items))
		bcd_item_queue(job->lane, dlist_container(BcdItem, node, dlist_pop_head_node(&job->items)), job->stage);
	bcd_job_free(job);
}

/*
 * Called before a request is sent: if it sends adjustments, notes them on disk.
 * Returns false if that failed; then the job is gone, and its items wait again.
 */
bool
bcd_adjust_announce(BcdJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool noted = false;
	char	   *volatile reason = NULL;
	BcdLane    *volatile held = NULL;
	dlist_iter	iter;

	if (!bcd_adjusts(job))
		return true;
	PG_TRY();
	{
		BcdLane    *lane;

		bcd_tx_begin();
		reason = hold(job, &lane);
		held = lane;
		if (reason)
			reason = MemoryContextStrdup(cxt, reason);
		else
			note(job);
		bcd_tx_commit();
		noted = reason == NULL;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not note adjustments that were about to be sent, trying again");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	if (noted)
	{
		dlist_foreach(iter, &job->items)
			dlist_container(BcdItem, node, iter.cur)->in_doubt = true;
		BCD_DEBUG_POINT("announced");
		return true;
	}
	job->run->wake_at = Max(job->run->wake_at, bcd_now_ms() + 1000);
	put_back(job);
	if (reason)
		bcd_lane_stop(held, reason);
	return false;
}

/* What has become of a request with adjustments? */
typedef enum Fate
{
	DONE,
	NOT_DONE,
	PERHAPS_IN_PART,
	UNKNOWN
} Fate;

static Fate
fate_of(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;

	switch (job->verdict)
	{
		case BCD_OK:
			return DONE;
		case BCD_PARTIAL:
			return PERHAPS_IN_PART;
		case BCD_TROUBLE:
			return r->fate == BCD_HTTP_NOT_SENT ? NOT_DONE : UNKNOWN;
		case BCD_STOP_FEED:
		case BCD_STOP_STORE:
			return r->status >= 500 ? UNKNOWN : NOT_DONE;
		case BCD_AGAIN:
		case BCD_TOO_LARGE:
			return NOT_DONE;
		case BCD_GONE:
		case BCD_CONFLICT:
		case BCD_REFUSED:
			break;
	}
	return job->nitems == 1 ? NOT_DONE : PERHAPS_IN_PART;
}

/* Reads an item's record, to see whether a refused batch has adjusted it. */
static void
decide_read(BcdItem *item)
{
	if (item->decision.leaves)
		bcd_decide_anew(item);
	bcd_decide_stage(item, BCD_READ);
	item->decision.rereads = true;
	item->decision.unsent = true;
}

/* The adjustment must not be sent again: the row is claimed, and read, later. */
static void
decide_later(BcdItem *item, int64 delay)
{
	char	   *text = item->decision.error;

	bcd_decide_anew(item);
	bcd_decide_wait(item, delay, text);
}

/* Adds what the store has surely taken to what is known of its stock. */
static void
record_done(BcdJob *job, BcdLane *lane)
{
	Datum	   *keys = palloc(sizeof(Datum) * job->nitems);
	Datum	   *doubts = palloc(sizeof(Datum) * job->nitems);
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->lane != lane || !item->decision.taken || item->doubt == NULL)
			continue;
		keys[n] = CStringGetTextDatum(item->key);
		doubts[n++] = JsonbPGetDatum(item->doubt);
	}
	if (n > 0)
		bcd_stock_adjusted(lane->feed->name, bcd_array(TEXTOID, keys, NULL, n), bcd_array(JSONBOID, doubts, NULL, n));
}

/*
 * Called after the items of a job were decided: changes what does not suit
 * adjustments.
 */
void
bcd_adjust_judge(BcdJob *job)
{
	Fate		fate;
	int64		delay;
	dlist_iter	iter;
	int			i;

	if (!bcd_adjusts(job))
		return;
	fate = fate_of(job);
	for (i = 0; fate == DONE && i < job->run->nlanes; i++)
		record_done(job, job->run->lanes[i]);
	delay = delay_of(job->endpoint);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		BcdDecision *d = &item->decision;
		Fate		its = fate == DONE && !d->taken ? UNKNOWN : fate;

		if (its == PERHAPS_IN_PART)
		{
			decide_read(item);
			job->run->wake_at = Max(job->run->wake_at, bcd_now_ms() + delay);
		}
		else if (its == UNKNOWN)
			decide_later(item, delay);
		else if (its == NOT_DONE)
		{
			d->link = BCD_LINK_TRUST;
			bcd_decide_record(item)->in_doubt = false;
		}
	}
}
