/*
 * item_wants.c
 *		Decides what an item needs next: a look-up, a create or an update.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/companions.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/engine.h"
#include "engine/facets.h"
#include "engine/item_tasks.h"
#include "engine/item_wants.h"
#include "engine/key_holders.h"
#include "engine/keyed.h"
#include "engine/lost_create.h"
#include "engine/natural_key.h"
#include "engine/parts.h"
#include "engine/replace.h"
#include "engine/stage.h"
#include "engine/unmapped_fields.h"
#include "feed/difference.h"

/*
 * Decides that an item without a link is looked up, to be created if no record
 * is found.
 */
void
bcd_item_wants_record(BcdItem *item)
{
	bcd_decide_find(item);
}

/*
 * Decides what to do with an item that needs these tasks, which are in its
 * memory context.
 */
void
bcd_item_wants_tasks(BcdItem *item, List *tasks)
{
	BcdItemRecord record = bcd_record_after(item);

	if (bcd_item_is_replaced(item, &record, tasks))
		return;
	if (tasks != NIL && bcd_is_keyed(item))
		bcd_keyed_wants(item, tasks);
	else if (tasks != NIL)
	{
		BcdStage	stage = bcd_stage_to_write(item, record.known, tasks);

		(void) bcd_decide_tasks(item, tasks);
		bcd_decide_stage(item, stage);
	}
	else if (record.looked_up)
		bcd_decide_done(item, BCD_LINKED, BCD_LINK_PUT);
	else
		bcd_decide_done(item, bcd_was_created(item) ? BCD_CREATED : BCD_UNCHANGED,
						bcd_item_forget_unmapped(item) || item->found ? BCD_LINK_PUT : BCD_LINK_KEEP);
}

/*
 * Decides what an item with a record needs: an update, or nothing.  was_read: the
 * record has just been read.
 */
void
bcd_item_wants_write(BcdItem *item, bool was_read)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdItemRecord record = bcd_record_after(item);
	BcdRow		row = {BCD_ROW_FOUND, item->wanted};
	BcdDifference d;

	bcd_difference(item->lane->feed, item->key, &row, record.store_id, record.known, &d);
	MemoryContextSwitchTo(old);
	if (d.need == BCD_NEEDS_MENDING && d.exchanges && item->lane->run->kind->writes)
		bcd_decide_stage(item, BCD_TURN);
	else if (d.need == BCD_NEEDS_MENDING)
		bcd_decide_failed(item, BCD_INVALID, (char *) d.reason);
	else if (d.need == BCD_NEEDS_READING && was_read && !bcd_elements_are_due(item))
		bcd_decide_failed(item, BCD_FAILED,
						  MemoryContextStrdup(item->cxt, "the store does not tell the collections of its record, which are not known"));
	else if (d.need == BCD_NEEDS_READING)
		bcd_decide_stage(item, BCD_READ);
	else
		bcd_item_wants_tasks(item, d.tasks);
}

/*
 * Decides on an item that has no record, and so needs all fields that the API
 * requires for a new one.
 */
void
bcd_item_wants_create(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *flaw = bcd_flaw_of_new(item->lane->feed->resource, item->wanted);

	if (flaw)
		bcd_decide_failed(item, BCD_INVALID, flaw);
	else
	{
		(void) bcd_decide_tasks(item, bcd_item_tasks(item));
		bcd_decide_stage(item, BCD_CREATE);
		bcd_companions_join(item);
		bcd_seek_note(item);
	}
	MemoryContextSwitchTo(old);
}
