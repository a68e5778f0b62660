/*
 * left_alone.c
 *		Adjusted fields in a push: what the store holds is meant.
 *
 * The row does not want them, and they are not known, so no request contains
 * them.  A record that turns out to be gone is made with all values of the
 * row (item->whole), since nothing in the store is left to be kept.
 */
#include "postgres.h"

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
	bcd_link_know_field(feed, item->key, a->field, a->value);
	(void) bcd_journal_auto("unadjust", feed, item->key, psprintf("the source has changed field \"%s\"", a->field),
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

	if (item->linked)
		row->payload = bcd_with_cleared(feed, row->payload, bcd_payload_merge(item->remembered, item->known));
	item->wanted = row->payload;
	if (!feed->adjusted || item->wanted == NULL || !item->linked)
		return;
	adjustments = bcd_adjustments_of(feed->name, item->key);
	foreach(lc, adjustments)
		if (bcd_adjustment_is_over(lfirst(lc), item->wanted))
		end(item, lfirst(lc));
	if (adjustments == NIL)
		return;
	item->whole = item->wanted;
	bcd_adjusted_left_alone(feed, adjustments, &item->wanted, &item->known);
	foreach(lc, adjustments)
		item->remembered = bcd_payload_without(item->remembered, ((BcdAdjustment *) lfirst(lc))->field);
	row->payload = item->wanted;
}
