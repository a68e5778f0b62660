/*
 * mapping_address.c
 *		Checks that a mapping identifies records that have no id, or are known
 *		by several fields.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/bcdelta.h"
#include "feed/feed.h"
#include "feed/mapping_address.h"
#include "resource/resource.h"

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

/*
 * Raises an error if the mapping lacks a field that a key consists of and that
 * every record has.
 */
void
bcd_mapping_check_made_key(const BcdFeed *feed)
{
	const BcdResource *r = feed->resource;
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < r->nfields; i++)
		if ((r->fields[i].flags & BCD_F_REQUIRED) && bcd_resource_identifies(r, r->fields[i].name) &&
			!bcd_feed_maps(feed, r->fields[i].name))
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", r->fields[i].name);
	if (names.len == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feed \"%s\": the mapping lacks fields by which a %s is found: %s", feed->name, r->name, names.data),
			 errhint("Add them to argument \"fields\".")));
}
