/*
 * key_conflict.c
 *		Rows that need something unique, such as a natural key, which another
 *		row's record has.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_turn.h"
#include "engine/exchange_wait.h"
#include "engine/facets.h"
#include "engine/item.h"
#include "engine/key_conflict.h"
#include "engine/key_holders.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "fold/fold.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/link_remembers.h"
#include "tables/pending.h"

/*
 * Delay before a row is tried again that has found a record about to be
 * removed
 */
#define RECORD_GOES_MS	1000

/*
 * Refused duplicates of an item before it waits for the other row to go first
 */
#define CLASHES			2

/*
 * Maximum attempts of an item that waits for a row which is still in progress
 */
#define LONGEST_WAIT	40

/*
 * Has a row of the source, if it exists, a natural key other than this one's?
 */
static bool
has_left_key(BcdItem *item, const BcdRow *row)
{
	const BcdResource *r = item->lane->feed->resource;
	const char *scope = bcd_resource_scope(r, bcd_resource_key(r, item->natural_index));
	char	   *natural;

	if (row->state != BCD_ROW_FOUND)
		return row->state == BCD_ROW_MISSING;
	natural = bcd_payload_text(row->payload, bcd_resource_key(r, item->natural_index));
	return natural == NULL || strcmp(bcd_folded(natural), bcd_folded(item->natural)) != 0 ||
		(r->within && !bcd_payload_same(row->payload, item->wanted, r->within)) ||
		(scope && bcd_payload_integer(row->payload, scope) != bcd_payload_integer(item->wanted, scope));
}

/* The row whose record has what an item needs */
typedef struct BcdOther
{
	char	   *feed;
	char	   *key;			/* NULL: the record has no row */
	BcdRow		row;			/* HELD_UP: it cannot be read now */
} BcdOther;

/*
 * Finds the row that a record is linked to, in this feed or in another one
 * that maps whole records, and reads it.  Only its identity is read, since
 * even a row that cannot be sent may have changed its key.
 */
static void
find_other(const BcdItem *item, int64 store_id, BcdOther *other)
{
	BcdFeed    *feed = item->lane->feed;
	BcdLane    *lane;

	other->feed = feed->name;
	other->row.state = BCD_ROW_HELD_UP;
	other->key = bcd_link_key(feed->name, store_id);
	if (other->key)
	{
		bcd_feed_look_at_identity(feed, other->key, &other->row);
		return;
	}
	if (!bcd_unique_is_whole(feed) || !bcd_link_other_row(feed->name, feed->resource, store_id, &other->feed, &other->key))
		return;
	lane = bcd_run_lane(item->lane->run, other->feed);
	if (lane && !lane->stopped)
		bcd_feed_look_at_identity(lane->feed, other->key, &other->row);
}

/*
 * May an item wait for another row?  As long as that is in progress; otherwise
 * for a few attempts, since it may have changed just now.
 */
static bool
may_wait_for(BcdItem *item, const BcdOther *other)
{
	return item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		(item->attempts < LONGEST_WAIT && bcd_pending_is_in_progress(other->feed, other->key));
}

/*
 * May the row of another feed, which this run cannot read, be about to change
 * its key?  It may if it has a change that is not pushed yet.
 */
static bool
may_leave_key(const BcdOther *other, bool own)
{
	return !own && other->row.state == BCD_ROW_HELD_UP && bcd_pending_is_open(other->feed, other->key);
}

/*
 * The record with this row's key may be linked to another row.
 *
 * If that row is gone from the source, the record is this row's now: the key
 * was changed, or the row was deleted and inserted again.  If that row has
 * another key now, or may have one and its feed is not pushed here, both rows
 * are considered together (exchange_turn.c).  A row of another feed that still
 * has the key shares the record.
 *
 * Returns false if the item can have the record; otherwise decides.
 */
bool
bcd_record_is_taken(BcdItem *item, int64 store_id)
{
	BcdFeed    *feed = item->lane->feed;
	BcdOther	other;
	bool		own;

	find_other(item, store_id, &other);
	own = other.key && other.feed == feed->name;
	if (!own && bcd_record_is_leaving(item->lane, store_id))
	{
		/* by another feed, because its row is gone */
		bcd_decide_wait(item, RECORD_GOES_MS, "the record is about to be removed");
		return true;
	}
	if (other.key == NULL || (own && strcmp(other.key, item->key) == 0))
		return false;
	if (own && other.row.state == BCD_ROW_HELD_UP)
	{
		bcd_decide_held_up(item, other.row.message);
		return true;
	}
	if (own && other.row.state == BCD_ROW_MISSING &&
		(bcd_record_is_written(item->lane, store_id) || bcd_fold_is_moving(feed->feed_id, other.key)))
	{
		/* for example, it is about to be removed, or to move with its row */
		bcd_decide_wait(item, RECORD_GOES_MS, "the record belongs to a deleted row");
		return true;
	}
	if (other.row.state == BCD_ROW_MISSING)
		return false;
	if (may_leave_key(&other, own) || (has_left_key(item, &other.row) && (!own || may_wait_for(item, &other))))
	{
		bcd_unique_learn(item, other.feed, store_id);
		bcd_decide_record(item)->store_id = 0;
		bcd_decide_stage(item, BCD_TURN);
		return true;
	}
	if (own)
		bcd_decide_taken(item, store_id, other.key);
	return own;
}

/* Decides that the store's refusal of the item's last write stands. */
void
bcd_decide_refusal(BcdItem *item)
{
	bcd_decide_refused_at(item, item->refused_at, item->refusal_status, item->refusal);
	item->decision.status = item->refusal_status;
}

/*
 * A write was refused as a duplicate of a record of another row, which has
 * changed its key or is gone.  That was not known at this item's turn, so the
 * two are considered together once more.  If that has been done before, the
 * item waits until the other row is done.
 */
static void
look_together(BcdItem *item, int64 store_id, const BcdOther *other)
{
	if (item->clashes < CLASHES)
	{
		bcd_unique_learn(item, other->feed, store_id);
		bcd_decide_stage(item, BCD_TURN);
	}
	else
	{
		bcd_decide_wait_for(item, bcd_resource_key(item->lane->feed->resource, item->natural_index),
							item->natural, other->feed, other->key);
		item->decision.status = item->refusal_status;
	}
}

/*
 * A write was refused, and this record has what the item needs.  If the
 * record's row gives it up later, the item is tried again.
 */
static void
decide_duplicate(BcdItem *item, int64 store_id)
{
	BcdOther	other;

	find_other(item, store_id, &other);
	if (other.key && other.feed == item->lane->feed->name && other.row.state == BCD_ROW_HELD_UP)
	{
		bcd_decide_held_up(item, other.row.message);
		return;
	}
	if (other.key && has_left_key(item, &other.row) && may_wait_for(item, &other))
	{
		look_together(item, store_id, &other);
		return;
	}
	bcd_decide_refusal(item);
	if (other.key && item->decision.pending == BCD_PENDING_FAIL)
	{
		item->decision.waits_feed = MemoryContextStrdup(item->cxt, other.feed);
		item->decision.waits_key = MemoryContextStrdup(item->cxt, other.key);
	}
}

/*
 * The update of a record, which has been read, was refused like a bad request.
 * If it was to get a natural key that it does not have yet, the reason may be
 * that another record has that key.  Finds out, unless that was tried before;
 * returns whether it decided.
 */
bool
bcd_look_for_holder(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known = bcd_record_after(item).known;
	bool		gets_key = false;
	const char *field;
	int			i;

	for (i = 0; item->wanted && (field = bcd_resource_key(r, i)) != NULL; i++)
		gets_key |= bcd_payload_has(item->wanted, field) && !bcd_payload_same(item->wanted, known, field);
	if (!r->twin_is_refused || item->refused_at != bcd_stage_of_keys(r) || !gets_key || item->clashes > CLASHES)
		return false;
	bcd_decide_lookup(item, BCD_REASON_KEY_HOLDER);
	return true;
}

/*
 * No record of the resource has an item's natural key.  A record of the one
 * that shares its keys may have it, if a reply about that was lost: decides
 * that the item waits for its row.  False: none may.
 */
static bool
waits_for_remembered(BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	const char *field = bcd_resource_key(feed->resource, item->natural_index);
	BcdOther	other;

	if (!bcd_link_remembers(feed->name, feed->resource, field, item->natural, &other.feed, &other.key) || !may_wait_for(item, &other))
		return false;
	bcd_decide_wait_for(item, field, item->natural, other.feed, other.key);
	item->decision.status = item->refusal_status;
	return true;
}

/*
 * The update of a linked row was refused.  Decides, knowing which record has
 * its natural key.
 */
void
bcd_decide_key_holder(BcdItem *item, int64 store_id, const cJSON *record)
{
	if (store_id != 0 && store_id != item->store_id)
		decide_duplicate(item, store_id);
	else if (!(store_id == 0 && waits_for_remembered(item)) && !bcd_look_up_next_key(item))
	{
		/*
		 * the other record has given up the key, or the key was not the
		 * reason
		 */
		if (store_id != 0)
			bcd_decide_refusal(item);
		else
			bcd_decide_stage(item, item->refused_at);
	}
}

/*
 * A write was refused, but not because of its natural key.  Decides, knowing
 * which record has its next key.
 */
void
bcd_decide_next_holder(BcdItem *item, int64 store_id)
{
	if (store_id != 0 && store_id != item->store_id)
		decide_duplicate(item, store_id);
	else
	{
		/* the other record has given up what this one needs: try once more */
		bcd_decide_stage(item, BCD_TURN);
		bcd_decide_own_key(item);
	}
}
