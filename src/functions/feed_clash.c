/*
 * feed_clash.c
 *		Feeds that would undo each other's writes.
 *
 * The channels of a product, for example, are a field of its row, which has all of
 * them, or have rows of their own. If a store had feeds of both kinds, each would
 * remove what the other has added, so the second one is refused.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "functions/feed_clash.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/feed.h"

/*
 * Returns the field that a feed with these fields writes as a whole, and the rows
 * of another resource one by one; NULL: there is none.
 */
static const BcdField *
shared_field(const BcdResource *r, Jsonb *fields, const BcdResource *other)
{
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (r->fields[i].rows_of && strcmp(r->fields[i].rows_of, other->name) == 0 &&
			bcd_payload_has(fields, r->fields[i].name))
			return &r->fields[i];
	return NULL;
}

static void
check_pair(const BcdFeed *feed, Jsonb *fields, const BcdFeedRow *other)
{
	const BcdResource *resource = bcd_resource_find(other->resource);
	const BcdField *own;
	const BcdField *field;

	if (resource == NULL)
		return;
	own = shared_field(feed->resource, fields, resource);
	field = own ? own : shared_field(resource, other->fields, feed->resource);
	if (field)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feeds \"%s\" and \"%s\" would undo each other's writes", feed->name, other->feed),
				 errdetail("Feed \"%s\" maps field \"%s\", which holds all of a record's; feed \"%s\" has the resource %s.",
						   own ? feed->name : other->feed, field->name,
						   own ? other->feed : feed->name, field->rows_of),
				 errhint("Use one or the other for all records of a store.")));
}

/*
 * Checks that no other feed of a feed's server writes the same values in another
 * way. fields: those of the feed.
 */
void
bcd_check_clash(const BcdFeed *feed, Jsonb *fields)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	ListCell   *lc;
	List	   *names;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	names = bcd_feeds_of(feed->server, NULL);
	foreach(lc, names)
	{
		BcdFeedRow	other;

		if (strcmp(lfirst(lc), feed->name) != 0 && bcd_feed_row_read(lfirst(lc), &other))
			check_pair(feed, fields, &other);
	}
	bcd_spi_end(&rights);
}
