/*
 * keyed_refused.c
 *		Records without an id that a push has read.
 *
 * They are written at their addresses without being read, so a push reads them
 * only to adjust them (adjust.c), or to see why a request was refused: the record
 * that was to be removed may be gone, or the one that was to be written may be
 * there already.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/adjust.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item_wants.h"
#include "engine/key_conflict.h"
#include "engine/keyed.h"
#include "engine/keyed_refused.h"
#include "engine/unmapped_fields.h"
#include "store/verdict.h"

/*
 * Attempts to remove a record from the old address of a row that has another
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

/* Decides on an item whose record was read (NULL: there is none). */
void
bcd_keyed_was_read(BcdItem *item, const cJSON *record)
{
	if (bcd_adjust_read(item, record))
		return;
	if (item->refusal == NULL)
	{
		/* it was to be adjusted, but its feed was altered meanwhile */
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.pending = BCD_PENDING_READY;
		return;
	}
	if (item->refused_at == BCD_REMOVE && (record == NULL || is_no_record(item, record)))
		bcd_decide_removed(item);
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
