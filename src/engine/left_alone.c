/*
 * left_alone.c
 *		Adjusted fields in a push: what the store holds is meant.
 *
 * The row does not want them, and they are not known, so no request contains
 * them.  A record that turns out to be gone is made with all values of the
 * row (item->whole), since nothing in the store is left to be kept.
 */
#include "postgres.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/left_alone.h"
#include "feed/adjusted.h"
#include "feed/cleared.h"
#include "payload/payload.h"
#include "tables/adjustment.h"
#include "tables/journal.h"
#include "tables/link_write.h"

/* The source has another value than when the adjustment was made. */
static void
end(const BcdItem *item, const BcdAdjustment *a)
{
	const char *feed = item->lane->feed->name;

	if (!bcd_adjustment_end_id(a->id))
		return;
	if (!bcd_adjusts_record(a))
		bcd_link_know_field(feed, item->key, a->field, a->value);
	(void) bcd_journal_auto("unadjust", feed, item->key, bcd_adjusts_record(a) ? "the source has changed the row" :
							psprintf("the source has changed field \"%s\"", a->field),
							bcd_payload_set_integer(NULL, "adjustment_id", a->id));
}

/*
 * The item wants what was read of its row, but for adjusted fields, which are
 * taken out of it.  Ends adjustments that the source has ended.  In the
 * transaction of the item's claim.
 */
void
bcd_item_wants_row(BcdItem *item, BcdRow *row)
{
	const BcdFeed *feed = item->lane->feed;
	List	   *adjustments;
	ListCell   *lc;

	if (item->linked && feed->options.clears)
		row->payload = bcd_with_cleared(feed, row->payload, bcd_payload_merge(item->remembered, item->known));
	item->wanted = row->payload;
	if (!feed->adjusted || item->wanted == NULL || !item->linked)
		return;
	adjustments = bcd_adjustments_of(feed->name, item->key);
	foreach(lc, adjustments)
		if (bcd_adjustment_is_over(feed, lfirst(lc), item->wanted))
		end(item, lfirst(lc));
	if (adjustments == NIL)
		return;
	item->whole = item->wanted;
	bcd_adjusted_left_alone(feed, adjustments, &item->wanted, &item->known);
	foreach(lc, adjustments)
		item->remembered = bcd_payload_without(item->remembered, ((BcdAdjustment *) lfirst(lc))->field);
	row->payload = item->wanted;
}

/*
 * The item has found a record that is not its own yet: fields of it that the
 * store owns are not written.  known: what the record holds.
 */
Jsonb *
bcd_item_adopts(BcdItem *item, Jsonb *known)
{
	const BcdFeed *feed = item->lane->feed;
	List	   *adjustments;

	if (!feed->adjusted || item->wanted == NULL || item->linked ||
		(adjustments = bcd_adjustments_of(feed->name, item->key)) == NIL)
		return known;
	item->whole = item->wanted;
	bcd_adjusted_left_alone(feed, adjustments, &item->wanted, &known);
	return known;
}

/*
 * Decides on a row that is held as a whole, because its record was hidden,
 * shown, deleted or made again by a rollback, or since the store owns it;
 * returns false if it is not.  In the transaction of the item's claim.
 */
bool
bcd_item_is_held(BcdItem *item, const BcdRow *row)
{
	const BcdFeed *feed = item->lane->feed;
	BcdAdjustment *over;
	const BcdAdjustment *hold;

	if (!feed->adjusted || (row->state != BCD_ROW_FOUND && row->state != BCD_ROW_MISSING))
		return false;
	hold = bcd_row_hold(feed, bcd_adjustments_of(feed->name, item->key), row->state == BCD_ROW_FOUND ? row->payload : NULL, &over);
	if (over)
		end(item, over);
	if (hold == NULL)
		return false;
	bcd_decide_done(item, hold->id == 0 ? BCD_DEFERRED : BCD_UNCHANGED, BCD_LINK_KEEP);
	item->decision.error = hold->words;
	/* it is pushed when the store does not own it any more */
	if (hold->id == 0)
		item->decision.pending = BCD_PENDING_REVIEW;
	return true;
}
