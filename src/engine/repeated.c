/*
 * repeated.c
 *		Fields that an update has to repeat.
 *
 * Some endpoints require a field in each update, such as the name of a brand.
 * If the row has not changed it, it is sent as the store has it, since
 * somebody may have changed it there. So the record is read first.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/engine.h"
#include "engine/repeated.h"
#include "payload/payload.h"
#include "payload/task.h"

static const char *
repeated_field(const BcdItem *item)
{
	return item->lane->feed->resource->facets[0].update.needs;
}

/* Does an item have to be read before these tasks for such a field's sake? */
bool
bcd_repeated_is_unread(const BcdItem *item, List *tasks)
{
	const char *field = repeated_field(item);
	ListCell   *lc;

	if (field == NULL || !item->linked || item->repeated)
		return false;
	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (task->facet == item->lane->feed->resource->facets && task->fields && !bcd_payload_has(task->fields, field))
			return true;
	}
	return false;
}

/* The record of an item was read: notes what its updates have to repeat. */
void
bcd_repeated_was_read(BcdItem *item, const cJSON *record)
{
	const char *field = repeated_field(item);
	const cJSON *value = field ? cJSON_GetObjectItemCaseSensitive(record, field) : NULL;
	MemoryContext old;

	if (!cJSON_IsString(value))
		return;
	old = MemoryContextSwitchTo(item->cxt);
	item->decision.repeated = bcd_payload_from_json(field, value);
	MemoryContextSwitchTo(old);
}

/*
 * Returns the fields of an item's row, from which an update takes those that it
 * repeats.
 */
Jsonb *
bcd_row_with_repeated(const BcdItem *item, Jsonb *row)
{
	return item->repeated ? bcd_payload_merge(row, item->repeated) : row;
}
