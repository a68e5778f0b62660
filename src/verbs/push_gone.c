/*
 * push_gone.c
 *		Rows that are gone from the source, in a push: whether their records are
 *		removed or hidden.
 *
 * Before a record is deleted, or hidden although it is not known whether it is
 * shown (engine/shown.c), it is read, so that a rollback knows what it was.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "engine/keyed_refused.h"
#include "engine/lane_held.h"
#include "engine/queue.h"
#include "engine/replace.h"
#include "engine/reply_error.h"
#include "engine/undo_arm.h"
#include "engine/undo_image.h"
#include "engine/whole_records.h"
#include "feed/feed.h"
#include "fold/fold.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/verdict.h"
#include "tables/link.h"
#include "verbs/push_gone.h"

/*
 * A new record may appear in the store's lists only after some seconds, so one
 * that is not there may be younger than this.
 */
#define LISTED_MS	60000

/* Returns the item to the queue, because it cannot be handled yet. */
void
bcd_push_later(BcdItem *item)
{
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY;
}

/* How long a record has yet to be hidden before it is deleted, in ms; 0: no longer */
static int64
rest_of_grace(const BcdItem *item)
{
	int64		grace = item->lane->feed->options.delete_after * 1000;

	/* the row has waited already: see bcd_decide_hidden() */
	return item->attempts > 0 && item->written_ms >= grace && item->written_ms < PG_INT64_MAX ? 0 : grace;
}

static bool
is_hidden(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	char	   *shown = r->hidden_by ? bcd_payload_text(item->known, r->hidden_by) : NULL;

	return shown && strcmp(shown, r->hidden_when ? "true" : "false") == 0;
}

static bool
is_deleted_now(const BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;

	return feed->on_delete == BCD_DELETE_DELETE && (feed->options.delete_after == 0 || (is_hidden(item) && rest_of_grace(item) == 0));
}

/* Does the record have to be read once more, so that this can be undone? */
static bool
must_look(const BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;

	if (!bcd_undo_is_kept(item->lane->run) || item->image)
		return false;
	if (is_deleted_now(item))
		return feed->resource->tells_all;
	return feed->resource->tells_fields && !bcd_payload_has(item->known, feed->resource->hidden_by);
}

/* Deletes the record, which was read before (NULL: it need not be). */
static void
decide_removal(BcdItem *item, const cJSON *record)
{
	MemoryContext old;

	if (record && bcd_item_is_out_of_reach(item))
		bcd_decide_within_reach(item, record);
	else
	{
		bcd_decide_stage(item, BCD_REMOVE);
		item->decision.gone_id = item->store_id;
	}
	if (record == NULL || !bcd_undo_is_kept(item->lane->run) || item->decision.leaves)
		return;
	old = MemoryContextSwitchTo(item->cxt);
	bcd_decide_record(item)->image = bcd_undo_image(item, record);
	MemoryContextSwitchTo(old);
}

/* Hides it, unless it is hidden already. */
static void
decide_hiding(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	const cJSON *shown = record ? cJSON_GetObjectItemCaseSensitive(record, r->hidden_by) : NULL;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (cJSON_IsBool(shown))
		bcd_decide_record(item)->known = bcd_payload_set_bool(item->known, r->hidden_by, cJSON_IsTrue(shown));
	if (cJSON_IsBool(shown) ? cJSON_IsTrue(shown) == r->hidden_when : is_hidden(item))
	{
		bool		begins = item->lane->feed->options.delete_after > 0 && item->attempts == 0;

		bcd_decide_done(item, begins ? BCD_HIDDEN : BCD_UNCHANGED, BCD_LINK_PUT);
		bcd_decide_hidden(item);
	}
	else
	{
		bcd_decide_stage(item, BCD_UPDATE);
		item->decision.body = bcd_payload_set_bool(NULL, r->hidden_by, r->hidden_when);
		item->decision.link = BCD_LINK_HIDING;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Decides about a row that is gone, once all existing rows have been looked
 * up. The record is no longer the row's own if a new row has its natural key,
 * or if the row merely got another key. record: if it was read because somebody
 * may have edited it; else NULL.  unlisted: it was to be read, but is not listed.
 */
static void
recheck(BcdItem *item, const cJSON *record, bool unlisted)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *owner;
	char	   *held_up;
	bool		found;

	/* another row may have taken over its record since */
	bcd_queue_link_of(item->lane, item);
	found = bcd_feed_look_for(feed, item->key, &held_up);
	if (held_up)
	{
		bcd_decide_held_up(item, held_up);
		return;
	}
	if (found || bcd_fold_is_moving(feed->feed_id, item->key))
	{
		bcd_push_later(item);
		return;
	}
	owner = bcd_is_keyed(item) ? bcd_keyed_owner(item) : bcd_link_key(feed->name, item->store_id);
	if (owner ? strcmp(owner, item->key) != 0 : item->lookup_reason != BCD_REASON_LOST_CREATE)
	{
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
		item->decision.error = MemoryContextStrdup(item->cxt,
												   owner ? psprintf("the source row is gone; its record now belongs to row %s", owner) :
												   "the source row is gone, and so is its link");
	}
	else if ((owner = bcd_is_keyed(item) ? bcd_keyed_owner_elsewhere(item) :
			  bcd_link_other_owner(feed->name, feed->resource, item->store_id)) != NULL)
	{
		bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_REMOVE);
		item->decision.error = MemoryContextStrdup(item->cxt,
												   psprintf("the source row is gone; its record also belongs to %s", owner));
	}
	else if (feed->on_delete == BCD_DELETE_DELETE && bcd_went_with_parent(item))
	{
		bcd_decide_done(item, BCD_DELETED, BCD_LINK_REMOVE);
		item->decision.gone_id = item->store_id;
	}
	else if (record == NULL && !unlisted && (bcd_removal_is_guarded(item) || must_look(item) ||
											 (is_deleted_now(item) && bcd_item_is_out_of_reach(item))))
	{
		bcd_decide_stage(item, BCD_READ);
		item->decision.whole = must_look(item) && is_deleted_now(item);
	}
	else if (record && bcd_removal_is_disputed(item, record))
		;						/* decided */
	else if (is_deleted_now(item))
		decide_removal(item, record);
	else
		decide_hiding(item, record);
}

void
bcd_push_recheck(BcdItem *item)
{
	recheck(item, NULL, false);
}

/*
 * The record of a row that is gone was to be read before it is removed or hidden,
 * and the store does not list it.  If it may have been made too recently, decides
 * that this is done nevertheless, which does no harm if it is gone, while it would
 * stay for good if it is not.  Else returns false.
 */
bool
bcd_push_gone_unlisted(BcdItem *item)
{
	if (item->refusal || item->body || item->written_ms >= LISTED_MS)
		return false;
	recheck(item, NULL, true);
	return true;
}

/*
 * The store did not remove the record. It may refuse as long as the record has
 * children, which are going to be removed, too; but not if it denies access.
 */
static void
decide_not_removed(BcdItem *item)
{
	const BcdRun *run = item->lane->run;
	int			attempts = item->attempts + 1;

	if (attempts < run->store->options->max_attempts && item->refusal_status != 403)
		bcd_decide_wait(item, bcd_retry_backoff_ms(attempts, true, run->spread), item->refusal);
	else
		bcd_decide_refused(item, item->refusal);
	item->decision.status = item->refusal_status;
}

/* The record of a row that is gone was read. */
void
bcd_push_gone_read(BcdItem *item, const cJSON *record)
{
	if (item->refusal)
		decide_not_removed(item);
	else
		recheck(item, record, false);
}
