/*
 * item_tasks.c
 *		What an item's record needs to agree with its row.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/item_tasks.h"
#include "feed/difference.h"
#include "payload/task.h"

/*
 * Returns the tasks that make the item's future record agree with its row.
 * Items may wait long, so nothing else that it takes stays in memory.
 */
List *
bcd_item_tasks(const BcdItem *item)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta tasks", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	BcdItemRecord record = bcd_record_after(item);
	BcdTaskRow	row;
	List	   *tasks;

	bcd_feed_subject(item->lane->feed, item->wanted, record.store_id, record.known, &row);
	row.apart = item->apart;
	tasks = bcd_tasks(&row);
	MemoryContextSwitchTo(old);
	tasks = bcd_tasks_keep(tasks, &row);
	MemoryContextDelete(scratch);
	return tasks;
}
