/*
 * nested.c
 *		Collections whose elements are written by updates of their records.
 *
 * The vendor does not say what becomes of elements that such an update does not
 * have.  So this is done only if the store was seen to keep them, or if the
 * feed says so.
 */
#include "postgres.h"

#include "feed/feed.h"
#include "feed/nested.h"
#include "resource/resource.h"
#include "tables/learned.h"

static bool
is_mapped(const BcdFeed *feed, const char *collection)
{
	int			i;

	for (i = 0; i < feed->nfields; i++)
		if (strcmp(feed->fields[i].field->name, collection) == 0)
			return true;
	return false;
}

/* Sets the collections of which this is so, and those of which it is not known. */
void
bcd_feed_nested(BcdFeed *feed)
{
	const BcdResource *r = feed->resource;
	int			i;

	for (i = 1; i < r->nfacets && !feed->options.nested_singly; i++)
	{
		const BcdFacet *facet = &r->facets[i];
		int			keeps = 1;

		if (facet->together.endpoint == NULL || !is_mapped(feed, facet->collection))
			continue;
		if (!feed->options.nested_kept)
			keeps = feed->server_store ? bcd_learned_keeps(feed->server_store, r->name, facet->collection) : 0;
		if (keeps > 0)
			feed->together |= (uint32) 1 << i;
		else if (keeps < 0)
			feed->asks |= (uint32) 1 << i;
	}
}
