/*
 * view.c
 *		Which fields of records are asked for.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"

/*
 * include_fields with what the mapping sends and the natural key; nothing, for
 * whole records, where the mapping sends a field that cannot be asked for.
 */
void
bcd_append_fields(StringInfo url, BcdLane *lane, BcdStage stage)
{
	const BcdFeed *feed = lane->feed;
	const BcdResource *r = feed->resource;
	const char *name;
	int			i;

	appendStringInfo(url, "&limit=%d", bcd_batch_limit(lane, stage));
	for (i = 0; i < feed->nfields; i++)
		if (feed->fields[i].field->flags & BCD_F_UNLISTED)
			return;
	appendStringInfoString(url, "&include_fields=");
	if (r->parent)
		appendStringInfo(url, "%s,", r->parent);
	for (i = 0; (name = bcd_resource_key(r, i)) != NULL; i++)
		appendStringInfo(url, "%s%s", i == 0 ? "" : ",", name);
	for (i = 0; i < feed->nfields; i++)
	{
		const BcdField *f = feed->fields[i].field;
		bool		listed = bcd_resource_identifies(r, f->name) &&
		(r->defaulted == NULL || strcmp(r->defaulted, f->name) != 0);

		if (!listed && !(f->flags & BCD_F_WRITE_ONLY))
			appendStringInfo(url, ",%s", f->name);
	}
	if (r->hidden_by && !bcd_feed_maps(feed, r->hidden_by))
		appendStringInfo(url, ",%s", r->hidden_by);
}

/*
 * A filter of the whole list for the defaults that the run's feeds are for: a
 * store may have other category trees, for other channels.  Empty where rows
 * name their trees, and where there are no defaults; palloc'd.
 */
char *
bcd_default_filter(const BcdRun *run, const BcdLane *lane)
{
	const BcdResource *r = lane->feed->resource;
	StringInfoData filter;
	int			i;

	initStringInfo(&filter);
	for (i = 0; i < run->nlanes && r->defaulted; i++)
	{
		const BcdLane *other = run->lanes[i];

		if (other->feed->resource != r)
			continue;
		if (bcd_feed_maps(other->feed, r->defaulted))
			return pstrdup("");
		if (filter.len == 0)
			appendStringInfo(&filter, "&%s:in=", r->defaulted);
		else
			appendStringInfoChar(&filter, ',');
		appendStringInfo(&filter, INT64_FORMAT, other->default_id ? other->default_id : lane->default_id);
	}
	return filter.data;
}
