/*
 * settle_twins.c
 *		Rows of one request that have found the same record.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "engine/settle_twins.h"

/* Delay for a row whose record may belong to another row */
#define TWIN_MS			1000

/*
 * After a request that reads: if several rows have found the same record, the
 * first one gets it.
 */
void
bcd_decide_twins(BcdJob *job)
{
	dlist_iter	iter;
	dlist_iter	before;

	if (job->lane->feed->resource->id == NULL)
	{
		bcd_keyed_twins(job);
		return;
	}
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		int64		found = bcd_store_id_after(item);

		if (item->decision.link != BCD_LINK_PUT)
			continue;
		dlist_foreach(before, &job->items)
		{
			BcdItem    *other = dlist_container(BcdItem, node, before.cur);

			if (other == item)
				break;
			if (other->decision.link == BCD_LINK_PUT && bcd_store_id_after(other) == found)
			{
				bcd_decide_anew(item);
				if (item->lookup_reason == BCD_REASON_LOST_CREATE || other->lookup_reason == BCD_REASON_LOST_CREATE)
					bcd_decide_wait(item, TWIN_MS, MemoryContextStrdup(item->cxt,
																	   psprintf("the record that may belong to this row was also found for row %s", other->key)));
				else
					bcd_decide_taken_by(item, found, other);
				break;
			}
		}
	}
}
