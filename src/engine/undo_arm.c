/*
 * undo_arm.c
 *		Notes what records hold before they are written, so that it can be
 *		undone.
 *
 * Each write of a push or a rollback is in bcdelta.undo before its request is
 * sent: with the claim if it is decided there, as most are, and otherwise in a
 * transaction of its own.  The rows are on disk when the request goes out.
 * What was certainly not done is removed with the outcome; if that is not
 * known, the row stays, and a rollback finds out by reading the record.
 *
 * A field that is written has to be known before: records of which it is not are
 * read first.  Keys that a record gives up for a moment are not noted, for it
 * gets them back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/item.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "engine/undo_arm.h"
#include "engine/undo_image.h"
#include "payload/address.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/verdict.h"
#include "tables/undo.h"

typedef struct Sending
{
	const BcdItem *item;
	BcdStage	stage;
	BcdUpdatePurpose purpose;
	Jsonb	   *body;
	List	   *tasks;
	BcdItemRecord record;
} Sending;

/* What the record of an item is known to hold, as well as that can be said. */
static Jsonb *
known_of(const BcdItemRecord *record)
{
	return bcd_payload_merge(bcd_payload_merge(bcd_payload_merge(record->remembered, record->was), record->known), record->aside);
}

static bool
is_unknown(const char *name, JsonbValue *value, void *arg)
{
	const BcdItem *item = arg;
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);

	return field && !(field->flags & BCD_F_WRITE_ONLY) && !bcd_payload_has(item->known, name) && !bcd_payload_has(item->remembered, name);
}

/*
 * Does a claimed item have to be read before these tasks are carried out, since
 * it is not known what they overwrite?
 */
bool
bcd_undo_reads_first(const BcdItem *item, List *tasks)
{
	ListCell   *lc;

	if (!bcd_undo_is_kept(item->lane->run) || !item->lane->feed->resource->tells_fields || !item->linked || item->aside)
		return false;
	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (task->facet->collection == NULL && task->fields &&
			bcd_payload_count(bcd_payload_filter(task->fields, is_unknown, (void *) item)) > 0)
			return true;
	}
	return false;
}

static bool
is_in(const char *name, JsonbValue *value, void *payload)
{
	return bcd_payload_has(payload, name);
}

typedef struct Other
{
	Jsonb	   *before;
	bool		any;
} Other;

static void
note_other(const char *name, JsonbValue *value, void *arg)
{
	Other	   *o = arg;

	o->any |= !bcd_payload_has(o->before, name) || !bcd_payload_same(bcd_payload_set(NULL, name, value), o->before, name);
}

/* Sets what an update changes; false: nothing. */
static bool
set_fields(BcdUndoRow *row, Jsonb *known, Jsonb *fields)
{
	Other		other = {NULL, false};

	if (fields == NULL)
		return false;
	row->before = other.before = known ? bcd_payload_filter(known, is_in, fields) : NULL;
	row->after = fields;
	bcd_payload_each(fields, note_other, &other);
	return other.any;
}

/* The same for a collection, as a whole */
static void
set_collection(BcdUndoRow *row, const Sending *s, Jsonb *known, const char *name)
{
	row->before = bcd_payload_set_collection(NULL, name, bcd_collection_of(known, name));
	row->after = bcd_payload_set_collection(NULL, name, bcd_collection_of(s->item->wanted, name));
}

/* A record without an id may be written for the first time. */
static bool
is_first_write(const Sending *s)
{
	return bcd_is_keyed(s->item) && s->record.remembered == NULL && (s->record.known == NULL || bcd_is_known_by_address(s->record.known));
}

/* Returns the values that the removal of a record sets, if it does no more. */
static Jsonb *
set_by_removal(const BcdResource *r)
{
	const BcdFacet *facet = r->facets;
	Jsonb	   *values = NULL;
	const BcdMember *member;

	if (facet->remove.endpoint != facet->update.endpoint)
		return NULL;
	for (member = facet->remove.members; member && member->from != BCD_FROM_NOTHING; member++)
		if (member->from == BCD_FROM_CONSTANT)
			values = bcd_payload_set_integer(values, member->name, strtoll(member->otherwise, NULL, 10));
	return values;
}

/* Describes a write that is about to be sent; false: there is nothing to undo. */
static bool
describe(const Sending *s, BcdUndoRow *row)
{
	const BcdItem *item = s->item;
	const BcdResource *r = item->lane->feed->resource;
	const BcdTask *task = bcd_stage_is_facet(s->stage) && s->tasks ? linitial(s->tasks) : NULL;
	Jsonb	   *known = known_of(&s->record);

	memset(row, 0, sizeof(*row));
	row->key = item->key;
	row->store_id = s->record.store_id;
	row->action = "updated";
	if (bcd_is_keyed(item))
		row->address = s->record.known ? bcd_record_address(r, s->record.known) : bcd_item_address(item);
	if (s->stage == BCD_CREATE || (s->stage != BCD_REMOVE && is_first_write(s)))
	{
		row->action = "created";
		row->after = item->wanted;
		return true;
	}
	if (s->stage == BCD_REMOVE)
	{
		row->after = set_by_removal(r);
		row->action = row->after ? "updated" : "deleted";
		row->before = item->image ? item->image : bcd_undo_known(r, known);
		return true;
	}
	if (s->purpose == BCD_PURPOSE_GIVE_WAY)
		return false;
	if (task && task->facet->collection)
	{
		set_collection(row, s, known, task->facet->collection);
		return true;
	}
	if (item->wanted == NULL && s->purpose == BCD_PURPOSE_ROW)
		row->action = "hidden";
	return set_fields(row, known, task ? task->fields : s->body);
}

/* What an item sends: the same again need not be noted again */
static const void *
subject_of(const Sending *s)
{
	if (bcd_stage_is_facet(s->stage))
		return s->tasks ? linitial(s->tasks) : NULL;
	return s->stage == BCD_UPDATE || s->stage == BCD_CREATE ? (const void *) s->body : (const void *) s->item;
}

/* The collections that are noted as a whole need to be so once. */
static uint32
facet_bit(const Sending *s)
{
	int			nth = bcd_stage_nth_facet(s->stage);

	return nth > 0 && bcd_stage_is_collection(s->item->lane->feed->resource, s->stage) ? (uint32) 1 << nth : 0;
}

/*
 * Notes what items of one lane are about to send; in a transaction.  What was
 * noted becomes part of the items at once: if the transaction fails, they are
 * no longer used, or noted again.
 */
static void
note(BcdLane *lane, const Sending *sendings, int n)
{
	BcdUndoRow *rows = palloc(sizeof(BcdUndoRow) * n);
	BcdItem   **items = palloc(sizeof(BcdItem *) * n);
	int64	   *ids = palloc(sizeof(int64) * n);
	int			noted = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (describe(&sendings[i], &rows[noted]))
			items[noted++] = (BcdItem *) sendings[i].item;
	if (noted > 0)
		bcd_undo_insert(lane->run->run_id, lane->feed->name, lane->feed->feed_id, rows, noted, ids);
	for (i = 0; i < n; i++)
	{
		BcdItem    *item = (BcdItem *) sendings[i].item;

		item->noted_for = subject_of(&sendings[i]);
		item->noted_facets |= facet_bit(&sendings[i]);
		item->undo_id = 0;
	}
	for (i = 0; i < noted; i++)
		items[i]->undo_id = ids[i];
}

/* In the transaction of a claim: notes the updates that it has decided on. */
void
bcd_undo_claimed(BcdLane *lane, BcdItem **items, int n)
{
	Sending    *sendings;
	int			decided = 0;
	int			i;

	if (!bcd_undo_is_kept(lane->run))
		return;
	sendings = palloc(sizeof(Sending) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		const BcdDecision *d = &items[i]->decision;

		if (d->made && !d->leaves && d->next == BCD_UPDATE && d->body)
			sendings[decided++] = (Sending)
		{
			items[i], d->next, d->purpose, d->body, d->tasks, bcd_record_after(items[i])
		};
	}
	if (decided > 0)
		note(lane, sendings, decided);
}

static bool
is_noted(const Sending *s)
{
	return s->item->noted_for == subject_of(s) || (s->item->noted_facets & facet_bit(s)) != 0;
}

/* Returns what the items of a job send and what is not noted yet, of one lane. */
static int
sendings_of(BcdJob *job, const BcdLane *lane, Sending *sendings)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->lane != lane)
			continue;
		sendings[n] = (Sending)
		{
			item, job->stage, item->purpose, item->body, item->tasks, bcd_record_after(item)
		};
		n += !is_noted(&sendings[n]);
	}
	return n;
}

/* Does a job send anything that is not noted yet? */
static bool
is_due(BcdJob *job)
{
	Sending    *sendings = palloc(sizeof(Sending) * Max(job->nitems, 1));
	int			i;

	for (i = 0; i < job->run->nlanes; i++)
		if (sendings_of(job, job->run->lanes[i], sendings) > 0)
			return true;
	return false;
}

/* Puts the items of a job that is not sent back into their queue. */
static void
put_back(BcdJob *job)
{
	while (!dlist_is_empty(&job->items))
	{
		BcdItem    *item = dlist_container(BcdItem, node, dlist_pop_head_node(&job->items));

		item->noted_for = NULL;
		item->noted_facets = 0;
		bcd_item_queue(job->lane, item, job->stage);
	}
	bcd_job_free(job);
}

/*
 * Called before a request is sent: notes what it overwrites, on disk.  Returns
 * false if that failed; then the job is gone, and its items wait again.
 */
bool
bcd_undo_announce(BcdJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool noted = false;

	if (job->request == NULL || !bcd_stage_writes(job->stage) || job->prepares != 0 || !bcd_undo_is_kept(job->run) || !is_due(job))
		return true;
	PG_TRY();
	{
		Sending    *sendings;
		int			i;

		bcd_tx_begin();
		sendings = palloc(sizeof(Sending) * job->nitems);
		for (i = 0; i < job->run->nlanes; i++)
		{
			int			n = sendings_of(job, job->run->lanes[i], sendings);

			if (n > 0)
				note(job->run->lanes[i], sendings, n);
		}
		bcd_tx_commit();
		noted = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not note what was about to be overwritten, trying again");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	if (noted)
	{
		BCD_DEBUG_POINT("noted");
		return true;
	}
	job->run->wake_at = Max(job->run->wake_at, bcd_now_ms() + 1000);
	put_back(job);
	return false;
}

/* Has the store certainly not done what the request of a job said? */
static bool
was_not_done(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;

	if (r->fate == BCD_HTTP_NOT_SENT)
		return true;
	if (r->fate != BCD_HTTP_REPLIED || (job->nitems > 1 && job->endpoint && job->endpoint->reply && job->endpoint->reply->keeps_some))
		return false;
	switch (bcd_retry_verdict(r->fate, r->status))
	{
		case BCD_AGAIN:
		case BCD_TOO_LARGE:
		case BCD_GONE:
		case BCD_CONFLICT:
		case BCD_REFUSED:
			return true;
		default:
			return false;
	}
}

/*
 * Notes that the record of an item was created or deleted together with that of
 * another row, by a request of the latter.
 */
static void
note_companion(const BcdItem *item, const char *action)
{
	const BcdLane *lane = item->lane;
	const BcdResource *r = lane->feed->resource;
	BcdUndoRow	row = {.key = item->key,.action = action,.store_id = bcd_store_id_after(item)};
	int64		id;

	if (strcmp(action, "created") == 0)
		row.after = item->wanted;
	else
	{
		row.store_id = item->store_id;
		row.address = bcd_is_keyed(item) ? bcd_record_address(r, item->known) : NULL;
		row.before = bcd_undo_known(r, bcd_payload_merge(item->remembered, item->known));
	}
	bcd_undo_insert(lane->run->run_id, lane->feed->name, lane->feed->feed_id, &row, 1, &id);
}

/*
 * Rows that are gone were looked at once more, or their records were read:
 * those may have been removed with their parents.
 */
static void
settle_gone(BcdJob *job)
{
	dlist_iter	iter;

	if (!bcd_undo_is_kept(job->run))
		return;
	dlist_foreach(iter, &job->items)
	{
		const BcdItem *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.leaves && item->decision.outcome == BCD_DELETED && item->wanted == NULL && bcd_went_with_parent(item))
			note_companion(item, "deleted");
	}
}

/* Creates whose reply was lost have been looked up. */
static void
settle_lost(BcdJob *job)
{
	dlist_iter	iter;

	if (!bcd_undo_is_kept(job->run) || job->request == NULL)
		return;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const BcdDecision *d = &item->decision;

		if (item->lost_create && d->link == BCD_LINK_PUT && !d->no_lost_create && d->outcome == BCD_CREATED &&
			!bcd_undo_is_lost(item->lane->feed->name, item->key))
			note_companion(item, "created");
		else if (item->lost_create && (d->link == BCD_LINK_PUT || d->no_lost_create))
			bcd_undo_found(item->lane->feed->name, item->key, d->no_lost_create ? 0 : bcd_store_id_after(item),
						   d->no_lost_create ? NULL : bcd_item_address(item));
	}
}

/*
 * In the transaction that settles a job: adds the ids of new records, and
 * removes what was not done.
 */
void
bcd_undo_settle(BcdJob *job)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(job->nitems, 1));
	bool		not_done;
	int			n = 0;
	dlist_iter	iter;

	if (bcd_stage_reads(job->stage))
		settle_lost(job);
	if (job->run->kind->claims && (job->stage == BCD_RECHECK || job->stage == BCD_READ))
		settle_gone(job);
	if (job->request == NULL || !bcd_stage_writes(job->stage) || job->prepares != 0)
		return;
	not_done = was_not_done(job);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->undo_id == 0)
			continue;
		if (job->stage == BCD_CREATE && item->decision.taken)
			bcd_undo_created(job->run->run_id, item->undo_id, bcd_store_id_after(item), bcd_item_address(item));
		else if (not_done && !item->decision.taken)
		{
			ids[n++] = Int64GetDatum(item->undo_id);
			item->decision.unnoted = true;
		}
	}
	if (n > 0)
		bcd_undo_drop(job->run->run_id, bcd_array(INT8OID, ids, NULL, n));
}
