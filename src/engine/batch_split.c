/*
 * batch_split.c
 *		Batches that were refused as a whole: how their items are sent again.
 *
 * One bad item keeps all others of its request from the store.  Where the
 * refusal names it, it is sent alone; where a record is gone or a key is
 * taken, reading all records at once tells whose it is.  Else the batch is
 * split in halves until the bad one is alone.
 */
#include "postgres.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/key_holders.h"
#include "engine/reply_error.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/blame.h"

/* A batch that was refused is split in halves until the bad row is alone. */
bool
bcd_split(BcdJob *job, int group)
{
	dlist_iter	iter;

	if (job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		/* one that followed another one may not be sent beside it */
		bcd_decide_stage(item, item->follows ? BCD_TURN : job->stage);
		item->decision.group = group;
	}
	return true;
}

/* The records of an update are read, to see which of them are there. */
void
bcd_decide_read_first(BcdItem *item)
{
	bcd_decide_stage(item, BCD_READ);
	item->decision.attempted = true;
}

/* Does a refusal name the item: by its place, its id or a natural key? */
static bool
is_named(const BcdItem *item, int place, const char *text)
{
	const char *field;
	int			i;

	if (bcd_blames_place(text, place) || bcd_blames_id(text, item->store_id))
		return true;
	if (item->wanted == NULL)
		return false;
	for (i = 0; (field = bcd_resource_key(item->lane->feed->resource, i)) != NULL; i++)
	{
		char	   *name = bcd_payload_text(item->wanted, field);

		if (name && bcd_blames_name(text, name))
			return true;
	}
	return false;
}

/*
 * The items that a refusal of a write names are sent alone, the others
 * together; false when it names none, or all.
 */
bool
bcd_set_apart(BcdJob *job, const char *text)
{
	BcdItem   **named = palloc(sizeof(BcdItem *) * job->nitems);
	int			n = 0;
	int			place = 0;
	int			i;
	dlist_iter	iter;

	if (!bcd_is_write(job) || job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (is_named(item, place++, text))
			named[n++] = item;
	}
	if (n == 0 || n == job->nitems)
		return false;
	(void) bcd_split(job, job->nitems - n);
	for (i = 0; i < n; i++)
	{
		/* at the end, so that the others stay side by side */
		named[i]->decision.place = n - i;
		named[i]->decision.group = 1;
	}
	return true;
}

/* Is an item's next write one of a natural key of its row? */
static bool
writes_key(const BcdItem *item)
{
	return item->wanted && item->errand == BCD_ERRAND_ROW && bcd_item_claims_key(item, item->known);
}

/*
 * A record of a batch of updates is gone: all of them are read at once, which
 * takes fewer calls than to find the one by halves.  False when that has been
 * done before.
 */
bool
bcd_read_all_first(BcdJob *job)
{
	dlist_iter	iter;

	if (job->stage != BCD_UPDATE || job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->attempts > 0 || item->wanted == NULL)
			return false;
	}
	dlist_foreach(iter, &job->items)
		bcd_decide_read_first(dlist_container(BcdItem, node, iter.cur));
	return true;
}

/*
 * A batch met a duplicate, which nothing here has told: the records of those
 * that write natural keys are read, all at once, and it is told then whose turn
 * it is.  If that has been done the store may want each batch to be free of
 * what its own items leave.  False: look for the one that is refused.
 */
bool
bcd_look_at_all(BcdJob *job)
{
	bool		reads = false;
	bool		follows = false;
	dlist_iter	iter;

	if (job->stage != BCD_UPDATE || job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		reads |= writes_key(item) && !item->reread;
		follows |= item->follows;
	}
	if (!reads && !follows)
		return false;
	job->run->strict |= !reads;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (reads && writes_key(item) && !item->reread)
		{
			bcd_decide_stage(item, BCD_READ);
			item->decision.rereads = true;
		}
		else
			bcd_decide_stage(item, writes_key(item) ? BCD_TURN : BCD_UPDATE);
	}
	return true;
}
