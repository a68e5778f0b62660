/*
 * difference.c
 *		Determines what a row needs so that the store agrees with it.
 *
 * This is a function of the row and of the known contents of its record. A
 * push executes its result, a preview shows it, and a verify lists it, so they
 * cannot disagree.
 */
#include "postgres.h"

#include "feed/difference.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* No order of pushes would ever satisfy a row that refers to itself. */
static bool
refers_to_itself(const BcdFeed *feed, const char *key, const BcdRow *row, int64 store_id)
{
	const char *parent = feed->resource->parent;

	if (row->state == BCD_ROW_DEFERRED)
		return strcmp(row->waits_feed, feed->name) == 0 && strcmp(row->waits_key, key) == 0;
	return row->state == BCD_ROW_FOUND && parent && store_id != 0 &&
		bcd_payload_integer(row->payload, parent) == store_id;
}

/* The source row is gone, or was never there. */
static void
of_gone(const BcdFeed *feed, int64 store_id, Jsonb *known, BcdDifference *d)
{
	const char *hidden_by = feed->resource->hidden_by;
	char	   *shown = hidden_by ? bcd_payload_text(known, hidden_by) : NULL;

	if (store_id == 0)
		d->reason = feed->filter ? "no such row, or it does not satisfy the filter" :
			"no such row";
	else if (feed->on_delete == BCD_DELETE_DELETE)
		d->need = BCD_NEEDS_REMOVAL;
	else if (feed->on_delete == BCD_DELETE_HIDE && hidden_by)
	{
		if (shown && strcmp(shown, "false") == 0)
			return;
		d->need = BCD_NEEDS_HIDING;
		d->changes = bcd_payload_set_bool(NULL, hidden_by, false);
	}
	else
		d->reason = feed->filter ?
			"the source row is gone, or does not satisfy the filter; on_delete is ignore" :
			"the source row is gone; on_delete is ignore";
}

static void
of_found(const BcdFeed *feed, Jsonb *wanted, int64 store_id, Jsonb *known, BcdDifference *d)
{
	if (store_id == 0)
	{
		d->need = BCD_NEEDS_RECORD;
		return;
	}
	d->changes = bcd_payload_changes(feed->resource, wanted, known);
	if (bcd_payload_count(d->changes) > 0)
		d->need = BCD_NEEDS_UPDATE;
}

/*
 * Determines what a row of a feed needs. store_id is the id of its record (0:
 * none is linked), whose known contents are "known" (NULL: not known). The row
 * must have been read.
 */
void
bcd_difference(const BcdFeed *feed, const char *key, const BcdRow *row,
			   int64 store_id, Jsonb *known, BcdDifference *d)
{
	Assert(row->state != BCD_ROW_HELD_UP);
	memset(d, 0, sizeof(*d));
	if (refers_to_itself(feed, key, row, store_id))
	{
		d->need = BCD_NEEDS_MENDING;
		d->reason = "the row refers to itself";
	}
	else if (row->state == BCD_ROW_MISSING)
		of_gone(feed, store_id, known, d);
	else if (row->state == BCD_ROW_INVALID)
	{
		d->need = BCD_NEEDS_MENDING;
		d->reason = row->message;
	}
	else if (row->state == BCD_ROW_DEFERRED)
	{
		d->need = BCD_NEEDS_WAITING;
		d->reason = psprintf("waits for row %s of feed \"%s\" to be in the store",
							 row->waits_key, row->waits_feed);
	}
	else
		of_found(feed, row->payload, store_id, known, d);
}

/* Why no record can be created from a row, palloc'd; NULL: it can. */
char *
bcd_flaw_of_new(const BcdResource *resource, Jsonb *wanted)
{
	char	   *missing = bcd_payload_missing(resource, wanted);

	return missing ? psprintf("%s: the row has no value, and the API requires one for a new record",
							  missing) : NULL;
}

/* Why a row cannot be looked up that has no natural key, palloc'd. */
char *
bcd_flaw_of_key(const BcdResource *resource)
{
	return psprintf("%s: the row has no value, so its record cannot be found in the store",
					bcd_resource_key(resource, 0));
}
