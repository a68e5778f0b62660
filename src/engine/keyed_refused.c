/*
 * keyed_refused.c
 *		Records without an id that a push has read.
 *
 * They are written at their addresses without being read, so a push reads them
 * only to adjust them (adjust.c), or to see what others have changed, for the sake of a
 * policy or after an update without a known outcome; or to see why a request was refused: the record
 * that was to be removed may be gone, or the one that was to be written may be
 * there already.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/adjust.h"
#include "engine/conflicts.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/item_wants.h"
#include "engine/key_conflict.h"
#include "engine/keyed.h"
#include "engine/keyed_refused.h"
#include "engine/sent_fields.h"
#include "engine/unmapped_fields.h"
#include "engine/whole_records.h"
#include "engine/whole_writes.h"
#include "feed/policy.h"
#include "payload/payload.h"
#include "store/verdict.h"

/*
 * Attempts to remove a record of a row that is gone or has another address
 */
#define REMOVALS		3

/*
 * The record at an item's old address was not removed, although the store has
 * it.  It may be out of reach there: a product gets variants, and its stock
 * cannot be set any more.  So this is tried a few times, but does not keep the
 * row from its new address.
 */
static void
decide_left_behind(BcdItem *item)
{
	const BcdRun *run = item->lane->run;

	if (item->attempts + 1 >= REMOVALS)
	{
		bcd_decide_removed(item);
		return;
	}
	bcd_decide_wait(item, bcd_retry_backoff_ms(item->attempts + 1, true, run->spread), item->refusal);
	item->decision.status = item->refusal_status;
}

/*
 * The row of a record that the store will not remove is gone.  If other records
 * can be written there, this one is none any more, but a part of others: a
 * product has got variants, and stock by variant.
 */
static bool
is_no_record(const BcdItem *item, const cJSON *record)
{
	const char *open = item->lane->feed->resource->open_if;

	return open && item->wanted == NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, open));
}

/* Or the store was not well for a moment: it is tried again first, at once and alone. */
static void
decide_no_record(BcdItem *item)
{
	if (item->attempts + 1 >= REMOVALS)
	{
		bcd_decide_removed(item);
		return;
	}
	bcd_decide_stage(item, BCD_REMOVE);
	item->decision.attempted = true;
	item->decision.group = 1;
}

/*
 * The record was read to see what others have changed, since a policy asks for
 * that, or the outcome of the last update is unknown (NULL: there is none, so it is
 * made again, unless the policy says otherwise).
 */
static void
decide_compared(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdItemRecord *after = bcd_decide_record(item);

	if (record == NULL && bcd_gone_is_disputed(item))
	{
		MemoryContextSwitchTo(old);
		return;
	}
	if (record)
		after->known = bcd_without_edits(item, bcd_item_known_read(item, record), record);
	MemoryContextSwitchTo(old);
	if (!bcd_adjust_read(item, record))
		bcd_item_wants_write(item, true);
	if (record)
		bcd_put_kept(item, record);
	else
		bcd_gone_is_over(item);
	bcd_put_values(item);
	if (item->decision.outcome == BCD_UNCHANGED && bcd_update_has_arrived(item))
		item->decision.outcome = BCD_UPDATED;
	if (record && item->decision.link == BCD_LINK_KEEP)
		bcd_decide_link_read(item);
}

/* Decides on an item whose record was read (NULL: there is none). */
void
bcd_keyed_was_read(BcdItem *item, const cJSON *record)
{
	if (item->refusal == NULL && item->wanted &&
		(bcd_fate_is_unknown(item) || (!item->in_doubt && (bcd_feed_is_guarded(item->lane->feed) || item->whole))))
	{
		decide_compared(item, record);
		return;
	}
	if (bcd_adjust_read(item, record))
		return;
	if (item->refusal == NULL)
	{
		/* it was to be adjusted, but its feed was altered meanwhile */
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.pending = BCD_PENDING_READY;
		return;
	}
	if (item->refused_at == BCD_REMOVE && record == NULL)
		bcd_decide_removed(item);
	else if (item->refused_at == BCD_REMOVE && is_no_record(item, record))
		decide_no_record(item);
	else if (item->refused_at == BCD_REMOVE && item->wanted)
		decide_left_behind(item);
	else if (item->refused_at == BCD_UPDATE && record != NULL && item->wanted)
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		bcd_decide_record(item)->known = bcd_item_known_read(item, record);
		bcd_decide_record(item)->looked_up = true;
		MemoryContextSwitchTo(old);
		bcd_item_wants_write(item, true);
		item->decision.link = BCD_LINK_PUT;
	}
	else
		bcd_decide_refusal(item);
}
