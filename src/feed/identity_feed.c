/*
 * identity_feed.c
 *		A feed reduced to the fields by which a record is found.
 *
 * A row whose mapping cannot be evaluated, because it refers to a row that is
 * not in the store or because its price is not a number, may still have a
 * record, found by its natural key.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "feed/feed.h"
#include "resource/resource.h"

/*
 * The feed with those fields alone, in the current context.  It refers to the
 * feed that it is made from, and must be freed before that feed, with
 * bcd_feed_free().
 */
BcdFeed *
bcd_feed_identity(const BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta identity",
											  ALLOCSET_SMALL_SIZES);
	BcdFeed    *identity = MemoryContextAlloc(cxt, sizeof(BcdFeed));
	int			i;

	*identity = *feed;
	identity->cxt = cxt;
	memset(identity->plans, 0, sizeof(identity->plans));
	identity->fields = MemoryContextAlloc(cxt, sizeof(BcdFeedField) * Max(feed->nfields, 1));
	identity->nfields = 0;
	for (i = 0; i < feed->nfields; i++)
		if (bcd_resource_identifies(feed->resource, feed->fields[i].field->name))
			identity->fields[identity->nfields++] = feed->fields[i];
	return identity;
}

/* Reads a row outside a claim; if it cannot be sent, only its identity. */
void
bcd_feed_look_at_identity(BcdFeed *feed, const char *key, BcdRow *row)
{
	BcdFeed    *identity;

	bcd_feed_look_at_row(feed, key, row);
	if (row->state != BCD_ROW_INVALID && row->state != BCD_ROW_DEFERRED && row->state != BCD_ROW_UNLISTED)
		return;
	identity = bcd_feed_identity(feed);
	bcd_feed_try_row(identity, key, row);
	bcd_feed_free(identity);
	if (row->state == BCD_ROW_UNLISTED)
		row->state = BCD_ROW_HELD_UP;
}
