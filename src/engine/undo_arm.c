/*
 * undo_arm.c
 *		Notes what records hold before they are written, so that it can be
 *		undone.
 *
 * Each write of a push or a rollback is in bcdelta.undo before its request is
 * sent: in the transaction that decides on it, for creates and most updates,
 * and otherwise in one of its own.  The rows are on disk when the request goes
 * out.  What becomes of them afterwards: undo_settle.c.
 *
 * A field that is written has to be known before: records of which it is not are
 * read first.  Keys that a record gives up for a moment are not noted, for it
 * gets them back.
 */
#include "postgres.h"

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
#include "engine/stage.h"
#include "engine/undo_arm.h"
#include "engine/undo_image.h"
#include "payload/address.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/undo.h"

typedef struct Sending
{
	BcdItem    *item;
	BcdStage	stage;
	BcdUpdatePurpose purpose;
	Jsonb	   *body;
	List	   *tasks;
	BcdItemRecord record;
	int64		undo_id;
} Sending;

/* What the record of an item is known to hold, as well as that can be said. */
static Jsonb *
known_of(const BcdItemRecord *record)
{
	/* nearly always, there is nothing else */
	if (record->remembered == NULL && record->was == NULL && record->kept == NULL && record->aside == NULL)
		return record->known;
	return bcd_payload_merge(bcd_payload_merge(bcd_payload_merge(bcd_payload_merge(record->remembered, record->was), record->known), record->kept), record->aside);
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

		if (task->facet->collection == NULL && task->fields && !(item->known && bcd_payload_covers(item->known, task->fields)) &&
			bcd_payload_count(bcd_payload_filter(task->fields, is_unknown, (void *) item)) > 0)
			return true;
	}
	return false;
}

/* Fields that are written, and what records of a resource had there */
typedef struct Overwritten
{
	const BcdResource *resource;
	Jsonb	   *known;
	JsonbParseState *before;
	bool		differ;			/* not all of them had that already */
} Overwritten;

static void
note_before(const char *name, JsonbValue *value, void *arg)
{
	Overwritten *o = arg;
	const BcdField *field = bcd_resource_field(o->resource, name);
	bool		tells = !(field && field->flags & BCD_F_WRITE_ONLY);
	JsonbValue	key;
	JsonbValue	was;

	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = strlen(name);
	if (!tells || o->known == NULL || getKeyJsonValueFromContainer(&o->known->root, name, strlen(name), &was) == NULL)
	{
		o->differ = true;
		return;
	}
	o->differ = o->differ || !bcd_payload_has_value(o->known, name, value);
	(void) pushJsonbValue(&o->before, WJB_KEY, &key);
	(void) pushJsonbValue(&o->before, WJB_VALUE, &was);
}

/* Sets what an update changes; false: nothing. */
static bool
set_fields(BcdUndoRow *row, const BcdResource *r, Jsonb *known, Jsonb *fields)
{
	Overwritten o = {r, known, NULL, false};

	if (fields == NULL)
		return false;
	(void) pushJsonbValue(&o.before, WJB_BEGIN_OBJECT, NULL);
	bcd_payload_each(fields, note_before, &o);
	row->before = JsonbValueToJsonb(pushJsonbValue(&o.before, WJB_END_OBJECT, NULL));
	if (known == NULL)
		row->before = NULL;
	row->after = bcd_undo_written(r, fields, false);
	return o.differ;
}

/* The same for a collection, as a whole */
static void
set_collection(BcdUndoRow *row, const Sending *s, Jsonb *known, const char *name)
{
	row->before = bcd_payload_set_collection(NULL, name, bcd_collection_of(known, name));
	row->after = bcd_payload_set_collection(NULL, name, bcd_collection_of(s->item->wanted, name));
}

/* Adds a collection, of which the same request writes elements. */
static void
add_collection(BcdUndoRow *row, const Sending *s, Jsonb *known, const char *name)
{
	BcdUndoRow	elements;

	set_collection(&elements, s, known, name);
	row->before = bcd_payload_merge(row->before, elements.before);
	row->after = bcd_payload_merge(row->after, elements.after);
}

/* The facet of which an update of the record may write elements, too; or NULL. */
static const BcdFacet *
riders_of(const Sending *s)
{
	return s->stage == BCD_UPDATE && s->purpose == BCD_PURPOSE_ROW && s->item->wanted && bcd_tasks_riding(s->tasks) > 0 ?
		((BcdTask *) linitial(s->tasks))->facet : NULL;
}

/* A record without an id may be written for the first time. */
static bool
is_first_write(const Sending *s)
{
	return s->item->lane->feed->resource->id == NULL && s->record.remembered == NULL && (s->record.known == NULL || bcd_is_known_by_address(s->record.known));
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
	const BcdTask *task = BCD_IS_FACET(s->stage) && s->tasks ? linitial(s->tasks) : NULL;
	Jsonb	   *known = known_of(&s->record);

	memset(row, 0, sizeof(*row));
	row->key = item->key;
	row->store_id = s->record.store_id;
	row->action = "updated";
	if (r->id == NULL)
		row->address = s->record.known ? bcd_record_address(r, s->record.known) : bcd_item_address(item);
	if (s->stage == BCD_CREATE || (s->stage != BCD_REMOVE && is_first_write(s)))
	{
		row->action = "created";
		row->after = bcd_undo_written(r, item->wanted, true);
		return true;
	}
	if (s->stage == BCD_REMOVE)
	{
		row->after = set_by_removal(r);
		row->action = row->after ? "updated" : "deleted";
		row->before = s->record.image ? s->record.image : bcd_undo_known(r, bcd_known_for_sure(known));
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
	if (set_fields(row, r, known, task ? task->fields : s->body) || riders_of(s))
	{
		if (riders_of(s))
			add_collection(row, s, known, riders_of(s)->collection);
		return true;
	}
	return false;
}

/* What an item sends: the same again need not be noted again */
static const void *
subject_of(const Sending *s)
{
	if (BCD_IS_FACET(s->stage))
		return s->tasks ? linitial(s->tasks) : NULL;
	return s->stage == BCD_UPDATE || s->stage == BCD_CREATE ? (const void *) s->body : (const void *) s->item;
}

/* The collections that are noted as a whole need to be so once. */
static uint32
facet_bit(const Sending *s)
{
	int			nth = bcd_stage_nth_facet(s->stage);

	if (riders_of(s))
		return (uint32) 1 << (riders_of(s) - s->item->lane->feed->resource->facets);
	return nth > 0 && bcd_stage_is_collection(s->item->lane->feed->resource, s->stage) ? (uint32) 1 << nth : 0;
}

/*
 * Notes what items of one lane are about to send, and adds the numbers under which that
 * is noted; in a transaction.
 */
static void
note(BcdLane *lane, Sending *sendings, int n)
{
	BcdUndoRow *rows = palloc(sizeof(BcdUndoRow) * n);
	Sending   **noted = palloc(sizeof(Sending *) * n);
	int64	   *ids = palloc(sizeof(int64) * n);
	int			nnoted = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (describe(&sendings[i], &rows[nnoted]))
			noted[nnoted++] = &sendings[i];
	if (nnoted > 0)
		bcd_undo_insert(lane->run->run_id, lane->feed->name, lane->feed->feed_id, rows, nnoted, ids);
	for (i = 0; i < nnoted; i++)
		noted[i]->undo_id = ids[i];
}

/* Decides, with all else, that it is noted what an item sends next. */
static void
decide_noted(const Sending *s)
{
	BcdDecision *d = &s->item->decision;

	d->noted_for = subject_of(s);
	d->noted_facets = facet_bit(s);
	d->undo_id = s->undo_id;
}

/* Does a decision say what is sent next, and that it is an update or a create? */
static bool
is_decided(const BcdDecision *d)
{
	return d->made && !d->leaves && (d->next == BCD_UPDATE || d->next == BCD_CREATE) && d->body;
}

/*
 * In a transaction that records decisions: notes the updates and creates that
 * they lead to.  Where an earlier create was looked for in vain, it was not done.
 */
void
bcd_undo_decided(BcdRun *run, BcdItem **items, int n)
{
	Sending    *sendings = palloc(sizeof(Sending) * Max(n, 1));
	int			lane;
	int			i;

	for (lane = 0; lane < run->nlanes && bcd_undo_is_kept(run); lane++)
	{
		int			decided = 0;

		for (i = 0; i < n; i++)
		{
			const BcdDecision *d = &items[i]->decision;

			if (items[i]->lane != run->lanes[lane] || !is_decided(d))
				continue;
			if (d->next == BCD_CREATE && items[i]->lost_create)
				bcd_undo_found(items[i]->lane->feed->name, items[i]->key, 0, NULL);
			sendings[decided++] = (Sending)
			{
				items[i], d->next, d->purpose, d->body, d->has_tasks ? d->tasks : items[i]->tasks, bcd_record_after(items[i])
			};
		}
		if (decided > 0)
			note(run->lanes[lane], sendings, decided);
		for (i = 0; i < decided; i++)
			decide_noted(&sendings[i]);
	}
}

static bool
is_noted(const Sending *s)
{
	/* with elements, an update has fields that were not noted with these */
	return s->item->noted_for == subject_of(s) || (BCD_IS_FACET(s->stage) && (s->item->noted_facets & facet_bit(s)) != 0);
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
is_due(const BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		Sending		sending = {item, job->stage, item->purpose, item->body, item->tasks};

		if (!is_noted(&sending))
			return true;
	}
	return false;
}

/* Puts the items of a job that is not sent back into their queue. */
static void
put_back(BcdJob *job)
{
	while (!dlist_is_empty(&job->items))
		bcd_item_queue(job->lane, dlist_container(BcdItem, node, dlist_pop_head_node(&job->items)), job->stage);
	bcd_job_free(job);
}

/* Notes what a job sends, in a transaction of its own; returns how much that is. */
static int
note_in_transaction(BcdJob *job, Sending *sendings)
{
	int			total = 0;
	int			i;

	bcd_tx_begin();
	for (i = 0; i < job->run->nlanes; i++)
	{
		int			n = sendings_of(job, job->run->lanes[i], sendings + total);

		if (n > 0)
			note(job->run->lanes[i], sendings + total, n);
		total += n;
	}
	bcd_tx_commit();
	return total;
}

/*
 * Called before a request is sent: notes what it overwrites, on disk, unless
 * that was done before.  Returns false if that failed; then the job is gone, and
 * its items wait again.
 */
bool
bcd_undo_announce(BcdJob *job)
{
	MemoryContext cxt = CurrentMemoryContext;
	Sending    *sendings;
	volatile int noted = -1;
	int			i;

	if (job->request == NULL || !job->writes || job->prepares != 0 || !bcd_undo_is_kept(job->run) || !is_due(job))
		return true;
	/* one more, for the place behind the last one */
	sendings = palloc(sizeof(Sending) * (job->nitems + 1));
	PG_TRY();
	{
		noted = note_in_transaction(job, sendings);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not note what was about to be overwritten, trying again");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	if (noted < 0)
	{
		job->run->wake_at = Max(job->run->wake_at, bcd_now_ms() + 1000);
		put_back(job);
		return false;
	}
	for (i = 0; i < noted; i++)
	{
		BcdItem    *item = sendings[i].item;

		item->noted_for = subject_of(&sendings[i]);
		item->noted_facets |= facet_bit(&sendings[i]);
		item->undo_id = sendings[i].undo_id;
	}
	BCD_DEBUG_POINT("noted");
	return true;
}
