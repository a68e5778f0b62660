/*
 * view.c
 *		Determines which fields of records replies should contain.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/view.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Does an earlier lane with the same gates map a field? */
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

/* Appends the fields that a lane's mapping sends and that can be read back. */
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

		if (!listed && !(f->flags & BCD_F_WRITE_ONLY) && f->records == NULL && !is_mapped_before(lane, f->name))
			appendStringInfo(url, ",%s", f->name);
	}
}

/* Does a mapping send a field that cannot be asked for by name? */
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
 * Returns the natural key and the fields that the mappings of all feeds at the
 * gates send, for include_fields.  Empty, for whole records, if a field cannot
 * be asked for.  Made once.
 */
static const char *
asked_fields(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	const BcdResource *r = lane->feed->resource;
	BcdGates   *gates = lane->gates;
	bool		hides = r->hidden_by != NULL;
	bool		dated = r->dated || (r->changed.endpoint && !run->kind->claims);
	StringInfoData fields;
	const char *name;
	int			i;

	if (gates->asked)
		return gates->asked;
	initStringInfo(&fields);
	if (r->parent)
		appendStringInfo(&fields, "%s,", r->parent);
	if (r->within)
		appendStringInfo(&fields, "%s,", r->within);
	for (i = 0; (name = bcd_resource_key(r, i)) != NULL; i++)
		appendStringInfo(&fields, "%s%s", i == 0 ? "" : ",", name);
	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == gates)
		{
			append_mapped(&fields, run->lanes[i]);
			dated |= bcd_feed_is_dated(run->lanes[i]->feed);
			hides = hides && !bcd_feed_maps(run->lanes[i]->feed, r->hidden_by);
			if (maps_unlisted(run->lanes[i]->feed))
				break;
		}
	if (hides)
		appendStringInfo(&fields, ",%s", r->hidden_by);
	if (dated)
		appendStringInfoString(&fields, ",date_modified");
	gates->asked = MemoryContextStrdup(gates->cxt, i < run->nlanes ? "" : fields.data);
	pfree(fields.data);
	return gates->asked;
}

/*
 * Forgets the fields, because the feeds at the gates or their mappings have
 * changed.
 */
void
bcd_forget_asked(BcdGates *gates)
{
	if (gates->asked)
		pfree(gates->asked);
	gates->asked = NULL;
}

/*
 * Returns the collections that the feeds at the gates map, or, for records that
 * are read as a whole, all of them, separated by commas; empty: none.  Those that make pages smaller are not looked up with a
 * record, which may not exist, but read when it is found.
 */
static char *
mapped_collections(const BcdLane *lane, BcdStage stage)
{
	const BcdRun *run = lane->run;
	const BcdResource *r = lane->feed->resource;
	StringInfoData names;
	bool		whole = stage == BCD_READ && bcd_reads_whole(lane);
	int			nth;
	int			i;

	initStringInfo(&names);
	for (nth = 1; nth < r->nfacets; nth++)
	{
		const char *name = r->facets[nth].list.endpoint || r->facets[nth].inside ||
		(r->facets[nth].page && stage == BCD_LOOKUP) ? NULL : r->facets[nth].collection;
		bool		mapped = name && whole;

		for (i = 0; name && i < run->nlanes; i++)
			mapped |= run->lanes[i]->gates == lane->gates && bcd_feed_maps(run->lanes[i]->feed, name);
		if (mapped)
			appendStringInfo(&names, "%s%s", names.len > 0 ? "," : "", name);
	}
	return names.data;
}

/* Appends the parameter that limits the reply to a read, if possible. */
void
bcd_append_fields(StringInfo url, BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint)
{
	const char *fields = stage == BCD_READ && bcd_reads_whole(lane) ? "" : asked_fields(lane);

	appendStringInfo(url, "%climit=%d", strchr(url->data, '?') ? '&' : '?', bcd_batch_limit(lane, stage));
	if (endpoint->narrows && fields[0])
		appendStringInfo(url, "&include_fields=%s", fields);
	if (mapped_collections(lane, stage)[0])
		appendStringInfo(url, "&include=%s", mapped_collections(lane, stage));
}

/*
 * Returns the parameters of a page of the list, except for its position: the
 * number of records and, where the endpoint accepts it, the fields; these are
 * the natural key, what tells records that are parts of their parents, and with
 * "scope" also the fields within which the key is unique.
 * palloc'd.
 */
char *
bcd_list_fields(const BcdResource *r, int limit, bool scope)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "limit=%d", limit);
	if (!r->list.endpoint->narrows)
		return query.data;
	appendStringInfo(&query, "&include_fields=%s", bcd_resource_key(r, 0));
	if (r->implied_without)
		appendStringInfo(&query, ",%s", r->implied_without);
	if (scope && r->parent)
		appendStringInfo(&query, ",%s", r->parent);
	if (scope && r->within)
		appendStringInfo(&query, ",%s", r->within);
	if (scope && r->defaulted)
		appendStringInfo(&query, ",%s", r->defaulted);
	return query.data;
}

/*
 * Appends the parameter that limits the reply to a write of n records to the
 * fields that are used, if possible.  If a record was saved in part, the saved
 * fields are taken from the reply; but if this happens in an update of several
 * records, each is sent again alone.  rides: elements of collections are written
 * with the records.
 */
void
bcd_append_reply_fields(StringInfo url, BcdLane *lane, BcdStage stage, int n, bool rides)
{
	const BcdResource *r = lane->feed->resource;
	const char *fields = n > 1 && stage == BCD_UPDATE ? bcd_resource_key(r, 0) : asked_fields(lane);

	/* the ids of new elements are needed */
	if ((stage == BCD_CREATE && mapped_collections(lane, stage)[0]) || rides)
		return;
	if (lane->gates->gate[stage].endpoint->narrows && fields[0])
		appendStringInfo(url, "?include_fields=%s", fields);
}

/*
 * Returns a filter for the whole list, by the defaults of the run's feeds: a
 * store may have other category trees, for other channels.  Empty if rows set
 * their tree, or there are no defaults; palloc'd.
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
