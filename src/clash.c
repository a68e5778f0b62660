/*
 * clash.c
 *		Rows that want what another row's record has: a natural key, a name.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "engine.h"
#include "fold.h"
#include "judge.h"
#include "payload.h"
#include "queue.h"

/* A row that finds a record which is about to go comes back so much later */
#define RECORD_GOES_MS	1000

/* Rows that wait for each other's natural keys: how long, and how often */
#define EXCHANGE_MS			1000
#define EXCHANGE_ATTEMPTS	2
#define EXCHANGE_SLOWEST	5

/* Does a row of the source, if it is there, not have this one's natural key? */
static bool
has_left_key(BcdItem *item, const BcdRow *row)
{
	const BcdResource *r = item->lane->feed->resource;
	char	   *natural;

	if (row->state != BCD_ROW_FOUND)
		return row->state == BCD_ROW_MISSING;
	natural = bcd_payload_text(row->payload, r->natural[item->natural_index]);
	return natural == NULL || strcmp(bcd_folded(natural), bcd_folded(item->natural)) != 0 ||
		(r->scope && bcd_payload_integer(row->payload, r->scope) !=
		 bcd_payload_integer(item->wanted, r->scope));
}

/* The record with this row's key is another row's, which has left the key. */
static void
decide_wait_for(BcdItem *item, const char *other)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	/*
	 * Two rows that wait for each other do not come back at the same time;
	 * nor does one come back often whose other row is slow to go.
	 */
	bcd_decide_wait(item, EXCHANGE_MS * (1 + bcd_random() + (strcmp(item->key, other) > 0)) *
					Max(Min(item->attempts, EXCHANGE_SLOWEST) - EXCHANGE_ATTEMPTS, 1),
					psprintf("%s \"%s\" is still that of row %s in the store",
							 item->lane->feed->resource->natural[item->natural_index],
							 item->natural, other));
	MemoryContextSwitchTo(old);
}

/*
 * May an item wait for another row?  For as long as that is on its way; one
 * that is not may have changed just now, so for a few attempts, too.
 */
static bool
may_wait_for(BcdItem *item, const char *other)
{
	return item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		bcd_queue_is_in_progress(item->lane->feed->name, other);
}

/*
 * Another row may be linked to the record that this row's key names.  If that
 * row is gone from the source, the record is this row's now (its key was
 * changed, or it was deleted and entered again).  If it has another key now,
 * its update has to go first.
 */
bool
bcd_record_is_taken(BcdItem *item, int64 store_id)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *other = bcd_queue_linked_key(feed->name, store_id);
	BcdRow		row;

	if (other == NULL && bcd_record_is_written(item->lane, store_id, BCD_REMOVE))
	{
		/* by another feed, whose row is gone */
		bcd_decide_wait(item, RECORD_GOES_MS, "the record is about to be removed");
		return true;
	}
	if (other == NULL || strcmp(other, item->key) == 0)
		return false;
	bcd_feed_lock(feed);
	bcd_feed_row(feed, other, &row);
	if (row.state == BCD_ROW_MISSING &&
		(bcd_record_is_written(item->lane, store_id, BCD_UPDATE) || bcd_fold_is_moving(feed->feed_id, other)))
	{
		/* about to be removed, for example, or to go with its row */
		bcd_decide_wait(item, RECORD_GOES_MS, "the record is that of a row which was deleted");
		return true;
	}
	if (row.state == BCD_ROW_MISSING)
		return false;
	if (has_left_key(item, &row) && may_wait_for(item, other))
	{
		decide_wait_for(item, other);
		return true;
	}
	bcd_decide_taken(item, store_id, other);
	return true;
}

/* What the store said of an item's write stands. */
void
bcd_decide_refusal(BcdItem *item)
{
	bcd_decide_refused(item, item->refusal);
	item->decision.status = item->refusal_status;
}

/* Who has something else that must be unique?  False: there is nothing else. */
bool
bcd_look_further(BcdItem *item)
{
	if (!bcd_further_key(item))
		return false;
	bcd_decide_stage(item, BCD_LOOKUP);
	return true;
}

/*
 * Should a row empty its natural key rather than exchange records?  Where a
 * record may be without that key, it is known by another one, which the store
 * wants to be unique, too: an exchange helps only if that fits the other record
 * as well.
 */
static bool
should_step_aside(BcdItem *item, const cJSON *record)
{
	const char *const *next = item->lane->feed->resource->natural + item->natural_index + 1;
	bool		aside = false;

	for (; record && *next; next++)
	{
		char	   *wanted = bcd_payload_text(item->wanted, *next);
		const cJSON *has = cJSON_GetObjectItemCaseSensitive(record, *next);

		aside |= wanted && (!cJSON_IsString(has) || strcmp(wanted, has->valuestring) != 0);
	}
	return aside;
}

/* The item's record gives up its natural key, and the row waits for the new one. */
static void
step_aside(BcdItem *item)
{
	JsonbValue	empty;

	empty.type = jbvString;
	empty.val.string.val = "";
	empty.val.string.len = 0;
	item->body = bcd_payload_set(NULL, item->lane->feed->resource->natural[item->natural_index], &empty);
	item->aside = true;
	bcd_decide_stage(item, BCD_UPDATE);
}

/*
 * The update of a row with a link was refused: its natural key is another
 * record's.  When the row of that record has left the key, or is gone from the
 * source, it may only have to go first; but rows that exchanged their keys
 * would wait for each other for ever, and the record of a deleted row may be
 * one that stays.  Then one of them lets go of its old key, or the two
 * exchange their records, too.
 */
void
bcd_decide_clash(BcdItem *item, int64 store_id, const cJSON *record)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *other = store_id != 0 && store_id != item->own_id ?
	bcd_queue_linked_key(feed->name, store_id) : NULL;
	MemoryContext old;
	BcdRow		row;

	if (store_id == 0)
	{
		/* whoever had it has let go, or it is not the key that is taken */
		if (!bcd_look_further(item))
			bcd_decide_stage(item, BCD_UPDATE);
		return;
	}
	if (other)
	{
		bcd_feed_lock(feed);
		bcd_feed_row(feed, other, &row);
	}
	if (store_id == item->own_id && bcd_look_further(item))
		return;
	if (other == NULL || !has_left_key(item, &row) || !may_wait_for(item, other))
	{
		bcd_decide_refusal(item);
		return;
	}
	if (item->attempts < EXCHANGE_ATTEMPTS || bcd_queue_is_in_flight(feed->name, other) ||
		bcd_fold_is_moving(feed->feed_id, other))
	{
		decide_wait_for(item, other);
		item->decision.status = item->refusal_status;
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	if (row.state != BCD_ROW_MISSING && should_step_aside(item, record))
	{
		step_aside(item);
		MemoryContextSwitchTo(old);
		return;
	}
	item->store_id = store_id;
	item->looked_up = true;
	item->known = record ? bcd_item_known_read(item, record) : NULL;
	bcd_item_wants_write(item);
	item->decision.link = BCD_LINK_PUT;
	MemoryContextSwitchTo(old);
}

/* Does another row want what this one's record has, so that neither can go first? */
static bool
wants_mine(BcdItem *item, const BcdRow *row)
{
	const char *field = item->lane->feed->resource->natural[item->natural_index];
	char	   *mine = bcd_payload_text(item->known, field);
	char	   *wanted = row->state == BCD_ROW_FOUND ? bcd_payload_text(row->payload, field) : NULL;

	return mine && wanted && strcmp(bcd_folded(mine), bcd_folded(wanted)) == 0;
}

/*
 * A write was refused, and not for its natural key.  If it has the name of the
 * record of a row that has left it, or is gone, that one has to go first.
 */
void
bcd_decide_further(BcdItem *item, int64 store_id)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *other = bcd_queue_linked_key(feed->name, store_id);
	BcdRow		row;

	if (store_id == 0 || store_id == item->own_id)
	{
		/* whoever had it, or the natural key, has let go: once more */
		bcd_natural_key(item);
		if (item->own_id != 0)
			bcd_decide_stage(item, BCD_UPDATE);
		else
			bcd_item_wants_create(item);
		return;
	}
	if (other)
	{
		bcd_feed_lock(feed);
		bcd_feed_row(feed, other, &row);
	}
	if (other && has_left_key(item, &row) && !wants_mine(item, &row) &&
		(row.state != BCD_ROW_MISSING || feed->on_delete == BCD_DELETE_DELETE) &&
		item->attempts + 1 < item->lane->run->store->options->max_attempts)
	{
		decide_wait_for(item, other);
		item->decision.status = item->refusal_status;
	}
	else
		bcd_decide_refusal(item);
}
