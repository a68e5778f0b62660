/*
 * undo_settle.c
 *		What becomes of writes that were noted in bcdelta.undo.
 *
 * What was certainly not done is removed with the outcome; if that is not
 * known, the row stays, and a rollback finds out by reading the record.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/decide.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "engine/stage.h"
#include "engine/undo_image.h"
#include "engine/undo_settle.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/verdict.h"
#include "tables/undo.h"

/* Has the store certainly not done what the request of a job said? */
static bool
was_not_done(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;

	if (r->fate == BCD_HTTP_NOT_SENT)
		return true;
	/* the reply is to the second of two: the first may have been carried out */
	if (r->repeated)
		return false;
	if (r->fate != BCD_HTTP_REPLIED || (job->nitems > 1 && job->endpoint && job->endpoint->reply && job->endpoint->reply->keeps_some))
		return false;
	switch (job->verdict)
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
		row.after = bcd_undo_written(r, item->wanted, true);
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

/* Is the request that was noted for an item the one that a job has sent? */
static bool
is_sent_by(const BcdJob *job)
{
	return job->request != NULL && job->writes && job->prepares == 0;
}

/*
 * Decides on what is noted of an item; returns whether the row goes.
 */
static bool
settle_item(const BcdJob *job, BcdItem *item, bool not_done)
{
	BcdDecision *d = &item->decision;

	d->note_ends = is_sent_by(job) || d->leaves || !item->lane->gates->gate[d->next].writes;
	if (item->undo_id == 0)
		return false;
	d->unnoted = is_sent_by(job) ? not_done && !d->taken : d->note_ends;
	if (is_sent_by(job) && job->stage == BCD_CREATE && d->taken)
		bcd_undo_created(job->run->run_id, item->undo_id, bcd_store_id_after(item), bcd_item_address(item));
	return d->unnoted;
}

/*
 * In the transaction that settles a job: adds the ids of new records, and
 * removes what was not done.
 */
void
bcd_undo_settle(BcdJob *job)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(job->nitems, 1));
	bool		not_done = is_sent_by(job) && was_not_done(job);
	int			n = 0;
	dlist_iter	iter;

	if (job->reads)
		settle_lost(job);
	if (job->run->kind->claims && (job->stage == BCD_RECHECK || job->stage == BCD_READ))
		settle_gone(job);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (settle_item(job, item, not_done))
			ids[n++] = Int64GetDatum(item->undo_id);
	}
	if (n > 0)
		bcd_undo_drop(job->run->run_id, bcd_array(INT8OID, ids, NULL, n));
}
