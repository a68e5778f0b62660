/*
 * mapping_address.c
 *		Checks that a mapping identifies records that have no id.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/bcdelta.h"
#include "feed/feed.h"
#include "feed/mapping_address.h"

static void
lacks(const BcdFeed *feed, const char *names)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feed \"%s\": the mapping lacks what identifies a record: %s", feed->name, names),
			 errdetail("A record of resource %s has no id; it is identified by the values of its row.", feed->resource->name),
			 errhint("Add it to argument \"fields\".")));
}

/* A record without an id is addressed by values of its row, so all must be mapped. */
void
bcd_mapping_check_address(const BcdFeed *feed)
{
	const BcdKey *key = &feed->resource->keys[0];
	StringInfoData names;
	int			i;

	for (i = 0; key->fields[i]; i++)
		if (!bcd_feed_maps(feed, key->fields[i]))
			lacks(feed, key->fields[i]);
	initStringInfo(&names);
	for (i = 0; key->one_of && key->one_of[i]; i++)
	{
		if (bcd_feed_maps(feed, key->one_of[i]))
			return;
		appendStringInfo(&names, "%s%s", i > 0 ? " or " : "", key->one_of[i]);
	}
	if (names.len > 0)
		lacks(feed, names.data);
}
