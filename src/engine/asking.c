/*
 * asking.c
 *		The item that asks the store what it keeps: as long as it does, others
 *		wait.  See nested_ask.c.
 */
#include "postgres.h"

#include "engine/asking.h"
#include "engine/engine.h"
#include "engine/stage.h"

/* An item goes on: does it still ask? */
void
bcd_nested_take_over(BcdItem *item, const BcdDecision *d)
{
	if (d->asking != BCD_ASKS_NOTHING)
		item->asking = d->asking == BCD_ASKS_NO_MORE ? BCD_ASKS_NOTHING : d->asking;
	/* whatever else it has to do first may depend on those that wait for it */
	if (item->asking != BCD_ASKS_NOTHING && d->next != BCD_READ && d->next != BCD_BELOW &&
		!bcd_stage_is_together(item->lane->feed->resource, d->next))
		item->asking = BCD_ASKS_NOTHING;
	if (item->asking == BCD_ASKS_NOTHING)
	{
		item->lane->gates->unclear += item->lane->gates->asking == item && !d->answered;
		if (item->lane->gates->asking == item)
			item->lane->gates->asking = NULL;
	}
}

/* An item leaves the run: nobody waits for it. */
void
bcd_nested_leaves(BcdGates *gates, const BcdItem *item)
{
	if (gates->asking != item)
		return;
	gates->asking = NULL;
	gates->unclear++;
}

/*
 * Has the store accepted what an item asks?  Then its record will be read again.
 */
bool
bcd_nested_was_written(BcdItem *item, BcdStage stage)
{
	if (item->asking != BCD_ASKS_WRITE || !bcd_stage_is_together(item->lane->feed->resource, stage))
		return false;
	item->decision.asking = BCD_ASKS_CHECK;
	item->decision.group = 1;
	return true;
}
