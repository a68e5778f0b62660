/*
 * key_conflict.c
 *		Rows that want what another row's record has: a natural key, a name.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_turn.h"
#include "engine/facets.h"
#include "engine/item.h"
#include "engine/key_conflict.h"
#include "engine/key_holders.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "feed/feed.h"
#include "fold/fold.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/pending.h"

/* A row that finds a record which is about to go comes back so much later */
#define RECORD_GOES_MS	1000

/* Duplicates of one item that are looked up before it waits for the other row */
#define CLASHES			2

/* Attempts of an item that waits for a row which is on its way, but does not come */
#define LONGEST_WAIT	40

/* Does a row of the source, if it is there, not have this one's natural key? */
static bool
has_left_key(BcdItem *item, const BcdRow *row)
{
	const BcdResource *r = item->lane->feed->resource;
	char	   *natural;

	if (row->state != BCD_ROW_FOUND)
		return row->state == BCD_ROW_MISSING;
	natural = bcd_payload_text(row->payload, bcd_resource_key(r, item->natural_index));
	return natural == NULL || strcmp(bcd_folded(natural), bcd_folded(item->natural)) != 0 ||
		(r->parent && bcd_payload_integer(row->payload, r->parent) !=
		 bcd_payload_integer(item->wanted, r->parent));
}

/* The row of a record that an item finds to have what it wants */
typedef struct BcdOther
{
	char	   *feed;
	char	   *key;			/* NULL: there is no such row */
	BcdRow		row;			/* HELD_UP: it cannot be told now */
} BcdOther;

/*
 * Finds the row of this feed, else of another one which maps whole records, that
 * a record is linked to, and reads it.  One that cannot be sent may still have
 * left its key: what identifies it is enough.
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
 * May an item wait for another row?  For as long as that is on its way; one
 * that is not may have changed just now, so for a few attempts, too.
 */
static bool
may_wait_for(BcdItem *item, const BcdOther *other)
{
	return item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		(item->attempts < LONGEST_WAIT && bcd_pending_is_in_progress(other->feed, other->key));
}

/*
 * May another feed's row, which cannot be read by this run, be about to leave the
 * key of its record?  It has a change that is not pushed.
 */
static bool
may_leave_key(const BcdOther *other, bool own)
{
	return !own && other->row.state == BCD_ROW_HELD_UP && bcd_pending_is_open(other->feed, other->key);
}

/*
 * Another row may be linked to the record that this row's key names.  If that
 * row is gone from the source, the record is this row's now (its key was
 * changed, or it was deleted and entered again).  If it has another key now,
 * the two are looked at together (exchange_turn.c); and so they are if that may be,
 * in a feed that is not pushed here.  One of another feed which has that key, too,
 * shares the record.
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
		/* by another feed, whose row is gone */
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
		/* about to be removed, for example, or to go with its row */
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

/* What the store said of an item's write stands. */
void
bcd_decide_refusal(BcdItem *item)
{
	bcd_decide_refused_at(item, item->refused_at, item->refusal_status, item->refusal);
	item->decision.status = item->refusal_status;
}

/*
 * A write was refused as a duplicate of a record that is linked to another row,
 * which has left what is the same, or is gone.  That was not known when it was
 * this item's turn: the two are looked at together once more, and if that has
 * been done before, the other row has to go first.
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
 * The write of an item was refused, and this record, of the row other, if any,
 * has what it wants.  Should that row leave it later, this one is tried again.
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

/* The update of a row with a link was refused: whose is its natural key? */
void
bcd_decide_key_holder(BcdItem *item, int64 store_id, const cJSON *record)
{
	if (store_id != 0 && store_id != item->store_id)
		decide_duplicate(item, store_id);
	else if (!bcd_look_up_next_key(item))
	{
		/* whoever had it has let go, or it is not the key that is taken */
		if (store_id != 0)
			bcd_decide_refusal(item);
		else
			bcd_decide_stage(item, BCD_UPDATE);
	}
}

/* A write was refused, and not for its natural key: whose is the other one? */
void
bcd_decide_next_holder(BcdItem *item, int64 store_id)
{
	if (store_id != 0 && store_id != item->store_id)
		decide_duplicate(item, store_id);
	else
	{
		/* whoever had it, or the natural key, has let go: once more */
		bcd_decide_stage(item, BCD_TURN);
		bcd_decide_own_key(item);
	}
}
