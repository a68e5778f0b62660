/*
 * feed_preflight.c
 *		bcdelta.feed: what keeps feeds from being pushed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/feed_preflight.h"

static BcdStatement select_feeds = {
	"SELECT f.feed, f.state = 'active', bcdelta.feed_trouble(f.feed), f.capture FROM bcdelta.feed AS f WHERE f.server = $1 ORDER BY f.feed_id",
	1, {NAMEOID}
};

/* Tells of the feeds of a server. */
void
bcd_feeds_preflight(const char *server, BcdFeedTold tell, void *arg)
{
	Datum		name = bcd_name_datum(server);
	uint64		n = bcd_select(&select_feeds, &name, NULL);
	SPITupleTable *found = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		SPI_tuptable = found;
		tell(arg, bcd_column_text(i, 1), bcd_column_bool(i, 2), bcd_column_text(i, 3), bcd_column_text(i, 4));
	}
}
