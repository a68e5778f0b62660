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

/* Does an earlier one of the lanes that share gates map a field? */
static bool
is_mapped_before(const BcdLane *lane, const char *field)
{
	const BcdRun *run = lane->run;
	int			i;

	for (i = 0; run->lanes[i] != lane; i++)
		if (run->lanes[i]->gates == lane->gates && bcd_feed_maps(run->lanes[i]->feed, field))
			return true;
	return false;
}

/* The fields that a lane's mapping sends, and can be read back. */
static void
append_mapped(StringInfo url, const BcdLane *lane)
{
	const BcdFeed *feed = lane->feed;
	const BcdResource *r = feed->resource;
	int			i;

	for (i = 0; i < feed->nfields; i++)
	{
		const BcdField *f = feed->fields[i].field;
		bool		listed = bcd_resource_identifies(r, f->name) &&
		(r->defaulted == NULL || strcmp(r->defaulted, f->name) != 0);

		if (!listed && !(f->flags & BCD_F_WRITE_ONLY) && !is_mapped_before(lane, f->name))
			appendStringInfo(url, ",%s", f->name);
	}
}

/* Does a mapping send a field that cannot be asked for? */
static bool
maps_unlisted(const BcdFeed *feed)
{
	int			i;

	for (i = 0; i < feed->nfields; i++)
		if (feed->fields[i].field->flags & BCD_F_UNLISTED)
			return true;
	return false;
}

/*
 * include_fields with what the mappings of all feeds at the gates send and the
 * natural key; nothing, for whole records, where one sends a field that cannot
 * be asked for.
 */
void
bcd_append_fields(StringInfo url, BcdLane *lane, BcdStage stage)
{
	const BcdRun *run = lane->run;
	const BcdResource *r = lane->feed->resource;
	bool		hides = r->hidden_by != NULL;
	const char *name;
	int			i;

	appendStringInfo(url, "&limit=%d", bcd_batch_limit(lane, stage));
	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == lane->gates && maps_unlisted(run->lanes[i]->feed))
			return;
	appendStringInfoString(url, "&include_fields=");
	if (r->parent)
		appendStringInfo(url, "%s,", r->parent);
	for (i = 0; (name = bcd_resource_key(r, i)) != NULL; i++)
		appendStringInfo(url, "%s%s", i == 0 ? "" : ",", name);
	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == lane->gates)
		{
			append_mapped(url, run->lanes[i]);
			hides = hides && !bcd_feed_maps(run->lanes[i]->feed, r->hidden_by);
		}
	if (hides)
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
		appendStringInfo(&filter, INT64_FORMAT, other->feed->options.tree_id ? other->feed->options.tree_id : lane->gates->default_id);
	}
	return filter.data;
}
