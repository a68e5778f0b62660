/*
 * difference.c
 *		Determines what a row needs so that the store agrees with it.
 *
 * This is a function of the row and of the known contents of its record. A
 * push executes its result, a preview shows it, and a verify lists it, so they
 * cannot disagree.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "feed/difference.h"
#include "payload/address.h"
#include "payload/fixed.h"
#include "payload/made_key.h"
#include "payload/payload.h"
#include "payload/place.h"
#include "payload/task.h"
#include "resource/resource.h"

/* No order of pushes would ever satisfy a row that refers to itself. */
static bool
refers_to_itself(const BcdFeed *feed, const char *key, const BcdRow *row, int64 store_id)
{
	const BcdResource *r = feed->resource;

	if (row->state == BCD_ROW_DEFERRED)
		return strcmp(row->waits_feed, feed->name) == 0 && strcmp(row->waits_key, key) == 0;
	return row->state == BCD_ROW_FOUND && bcd_resource_is_own_parent(r) && store_id != 0 &&
		bcd_payload_integer(row->payload, r->parent) == store_id;
}

/*
 * Makes the row of a feed for tasks; wanted NULL: the row is gone.  In the
 * current memory context.
 */
void
bcd_feed_subject(const BcdFeed *feed, Jsonb *wanted, int64 store_id, Jsonb *known, BcdTaskRow *row)
{
	row->resource = feed->resource;
	row->id = store_id ? psprintf(INT64_FORMAT, store_id) : NULL;
	row->wanted = wanted;
	row->known = known;
	row->options = feed->options_json;
	row->merged = feed->merged;
	row->together = feed->together;
	row->apart = false;
}

/* Determines what to do if the source row is gone, or never existed. */
static void
of_gone(const BcdFeed *feed, const BcdTaskRow *row, BcdDifference *d)
{
	const char *hidden_by = feed->resource->hidden_by;
	char	   *shown = hidden_by ? bcd_payload_text(row->known, hidden_by) : NULL;

	if (row->id == NULL && (row->resource->id != NULL || row->known == NULL))
		d->reason = feed->filter ? "no such row, or it does not satisfy the filter" :
			"no such row";
	else if (feed->on_delete == BCD_DELETE_DELETE)
	{
		d->need = BCD_NEEDS_REMOVAL;
		d->tasks = bcd_tasks(row);
	}
	else if (feed->on_delete == BCD_DELETE_HIDE && hidden_by)
	{
		if (shown && strcmp(shown, feed->resource->hidden_when ? "true" : "false") == 0)
			return;
		d->need = BCD_NEEDS_HIDING;
		d->tasks = list_make1(bcd_task_to_hide(row));
	}
	else
		d->reason = feed->filter ?
			"the source row is gone, or does not satisfy the filter; on_delete is ignore" :
			"the source row is gone; on_delete is ignore";
}

/*
 * Returns why a record without an id cannot be written, whether or not it
 * exists.
 */
static char *
flaw_of_keyed(const BcdTaskRow *row)
{
	char	   *flaw = bcd_address_flaw(row->resource, row->wanted);

	return flaw ? flaw : bcd_flaw_of_new(row->resource, row->wanted);
}

/* Why a row cannot be sent at all, or NULL */
static char *
flaw_of_found(const BcdTaskRow *row)
{
	char	   *flaw = bcd_flaw_of_target(row->resource, row->wanted);

	/* what is written by its key is written as a whole */
	return flaw == NULL && row->resource->upserts ? bcd_flaw_of_new(row->resource, row->wanted) : flaw;
}

/*
 * A record in another place than the row's is replaced, whatever else differs.
 * Differences in fixed fields cannot be corrected.
 */
static void
of_found(const BcdTaskRow *row, BcdDifference *d)
{
	bool		moves = row->id && bcd_place_differs(row->resource, row->wanted, row->known);
	const BcdField *fixed = row->id && !moves ? bcd_fixed_difference(row->resource, row->wanted, row->known) : NULL;
	bool		keyed = row->resource->id == NULL;
	const char *unread;

	if (keyed && (d->reason = flaw_of_keyed(row)) != NULL)
	{
		d->need = BCD_NEEDS_MENDING;
		return;
	}
	if (row->id == NULL && !keyed)
	{
		d->need = BCD_NEEDS_RECORD;
		return;
	}
	if (fixed)
	{
		d->need = BCD_NEEDS_MENDING;
		d->reason = bcd_fixed_flaw(fixed, row->known);
		d->exchanges = row->resource->same_by && strcmp(fixed->name, row->resource->same_by) == 0;
		return;
	}
	unread = moves ? NULL : bcd_tasks_unread(row);
	if (unread)
	{
		d->need = BCD_NEEDS_READING;
		d->reason = psprintf("%s: the contents of the store are not known, and are read first", unread);
		return;
	}
	d->tasks = bcd_tasks(row);
	if (d->tasks != NIL)
		d->need = BCD_NEEDS_UPDATE;
}

static void
determine(const BcdFeed *feed, const char *key, const BcdRow *row, int64 store_id, BcdTaskRow *subject,
		  BcdDifference *d)
{
	if (refers_to_itself(feed, key, row, store_id))
	{
		d->need = BCD_NEEDS_MENDING;
		d->reason = "the row refers to itself";
	}
	else if (row->state == BCD_ROW_MISSING)
		of_gone(feed, subject, d);
	else if (row->state == BCD_ROW_INVALID)
	{
		d->need = BCD_NEEDS_MENDING;
		d->reason = row->message;
	}
	else if (row->state == BCD_ROW_UNLISTED)
	{
		d->need = BCD_NEEDS_WAITING;
		d->reason = row->message;
	}
	else if (row->state == BCD_ROW_DEFERRED)
	{
		d->need = BCD_NEEDS_WAITING;
		d->reason = psprintf("waits for row %s of feed \"%s\" to be in the store",
							 row->waits_key, row->waits_feed);
	}
	else if ((d->reason = flaw_of_found(subject)) != NULL)
		d->need = BCD_NEEDS_MENDING;
	else
		of_found(subject, d);
}

/*
 * Determines what a row of a feed needs. store_id is the id of its record (0:
 * none is linked), whose known contents are "known" (NULL: not known). The row
 * must have been read.
 *
 * Many rows may wait with their differences, so nothing else that it takes to
 * determine one stays in memory.
 */
void
bcd_difference(const BcdFeed *feed, const char *key, const BcdRow *row,
			   int64 store_id, Jsonb *known, BcdDifference *d)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta difference", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	BcdTaskRow	subject;

	Assert(row->state != BCD_ROW_HELD_UP);
	memset(d, 0, sizeof(*d));
	bcd_feed_subject(feed, row->state == BCD_ROW_FOUND ? row->payload : NULL, store_id, known, &subject);
	determine(feed, key, row, store_id, &subject, d);
	MemoryContextSwitchTo(old);
	d->tasks = bcd_tasks_keep(d->tasks, &subject);
	d->reason = d->reason ? pstrdup(d->reason) : NULL;
	MemoryContextDelete(scratch);
}

/* Returns why no record can be created from a row, palloc'd; NULL: it can. */
char *
bcd_flaw_of_new(const BcdResource *resource, Jsonb *wanted)
{
	char	   *missing = bcd_payload_missing(resource, wanted);

	return missing ? psprintf("%s: the row has no value, and the API requires one for a new record",
							  missing) : NULL;
}

/* Returns why a row without a natural key cannot be looked up, palloc'd. */
char *
bcd_flaw_of_key(const BcdResource *resource, Jsonb *wanted)
{
	const char *missing = bcd_made_key_lacks(resource, wanted);

	if (missing)
		return psprintf("%s: the row has no value, so its record can be neither found in the store nor created",
						missing);
	return psprintf("%s: the row has no value, so its record cannot be found in the store",
					bcd_resource_key(resource, 0));
}
