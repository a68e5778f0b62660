/*
 * feed_needs.c
 *		What a feed needs of its store: scopes of the token, and things that only
 *		the merchant can make.
 */
#include "postgres.h"

#include "feed/feed.h"
#include "feed/feed_needs.h"
#include "resource/name_list.h"
#include "resource/resource.h"
#include "resource/scope.h"

/* Lists of which the first page is read, because feeds need what is there */
typedef struct Need
{
	const char *resource;		/* of feeds that need it */
	const char *list;			/* as bcdelta.named() calls it */
} Need;

static const Need needs[] = {
	{"category", "category_tree"},
	{"inventory", "location"},
	{"product", "location"},
	{"channel_assignment", "channel"},
	{"price_list_assignment", "channel"},
};

static bool
is_used(const BcdFeed *feed, const BcdFacet *facet)
{
	int			i;

	for (i = 0; i < feed->nfields; i++)
		if (bcd_resource_facet_of(feed->resource, feed->fields[i].field) == facet)
			return true;
	return facet == feed->resource->facets;
}

static bool
needs_for(const BcdFacet *facet, const BcdScope *scope)
{
	const BcdEndpoint *endpoints[] = {facet->create.endpoint, facet->update.endpoint, facet->remove.endpoint};
	int			i;

	for (i = 0; i < lengthof(endpoints); i++)
		if (endpoints[i] && bcd_scope_covers(scope, endpoints[i]->path))
			return true;
	return false;
}

/* Returns the scopes that a push of the feed needs, as bits. */
uint32
bcd_feed_scopes(const BcdFeed *feed)
{
	const BcdScope *scope;
	uint32		bits = 0;
	int			n;
	int			i;

	for (n = 0; (scope = bcd_scope_nth(n)) != NULL; n++)
		for (i = 0; i < feed->resource->nfacets; i++)
			if (is_used(feed, &feed->resource->facets[i]) && needs_for(&feed->resource->facets[i], scope))
				bits |= (uint32) 1 << n;
	return bits;
}

/* Returns the lists with what the feed depends on, as bits of name lists. */
uint32
bcd_feed_lists(const BcdFeed *feed)
{
	uint32		bits = 0;
	int			i;

	for (i = 0; i < lengthof(needs); i++)
		if (strcmp(needs[i].resource, feed->resource->name) == 0 &&
			(strcmp(needs[i].resource, "product") != 0 || bcd_feed_maps(feed, "inventory_level")))
			bits |= bcd_names_bit(bcd_names_find(needs[i].list));
	return bits;
}
