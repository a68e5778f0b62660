/*
 * alter_feed.c
 *		alter_feed(): changes the mapping of a feed in place.
 *
 * The links are kept. Rows that may have a different payload under the new
 * mapping are marked in the transaction that changes it. A push in progress
 * notices the change by the feed's version; see run_reload.c.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/feed.h"
#include "feed/feed_options.h"
#include "feed/mapping.h"
#include "feed/policy.h"
#include "feed/row_security.h"
#include "feed/watch.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/feed_args.h"
#include "functions/feed_clash.h"
#include "functions/mark.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/feed.h"
#include "tables/link.h"
#include "tables/stock_level.h"

PG_FUNCTION_INFO_V1(bcdelta_alter_feed);

/* Reads and checks everything that does not need the source. */
static void
read_arguments(FunctionCallInfo fcinfo, const BcdFeed *feed, BcdFeedChange *args)
{
	BcdFeedOptions options;

	memset(args, 0, sizeof(*args));
	if (!PG_ARGISNULL(1))
		args->fields = bcd_object_argument(fcinfo, 1, "fields");
	args->sets_filter = !PG_ARGISNULL(2);
	args->filter = bcd_filter_argument(fcinfo, 2);
	args->on_delete = bcd_arg_text(fcinfo, 3);
	args->on_conflict = bcd_arg_text(fcinfo, 4);
	if (!PG_ARGISNULL(5))
		args->options = bcd_object_argument(fcinfo, 5, "options");
	if (args->on_delete)
		bcd_check_on_delete(args->on_delete, feed->resource);
	if (args->on_conflict)
		bcd_check_on_conflict(args->on_conflict, "on_conflict", feed->resource);
	if (args->options)
		bcd_feed_options(args->options, feed->resource, &options);
}

/* Applies the changes to the feed in memory. */
static void
apply(BcdFeed *feed, const BcdFeedChange *args)
{
	MemoryContext old = MemoryContextSwitchTo(feed->cxt);

	if (args->fields)
		bcd_feed_set_fields(feed, args->fields);
	if (args->sets_filter)
		feed->filter = args->filter ? pstrdup(args->filter) : NULL;
	if (args->on_delete)
		feed->on_delete = bcd_on_delete_from(args->on_delete);
	if (args->options)
	{
		feed->options_json = bcd_policy_options(feed, args->options);
		bcd_feed_options(feed->options_json, feed->resource, &feed->options);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Writes the feed's row, and into the journal. Returns whether rows may have different payloads
 * afterwards.
 */
static bool
update(const BcdFeed *feed, const BcdFeedChange *args)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	bool		changed;
	Jsonb	   *detail;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	if (!bcd_feed_row_update(feed->feed_id, feed->version, args, &changed, &detail))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("feed \"%s\" was concurrently altered by another session", feed->name),
				 errhint("Try again.")));
	bcd_spi_end(&rights);
	if (detail)
		bcd_decided("alter_feed", feed->name, NULL, NULL, detail);
	return changed;
}

/*
 * A record that we have hidden is shown again when its row comes back, unless
 * the mapping sets the field. When a mapping that did set the field no longer
 * does, records that it has hidden must stay hidden: they were not hidden
 * because their rows were gone.
 */
static void
forget_hidden_by_mapping(BcdFeed *old, const BcdFeed *feed)
{
	const char *hidden_by = feed->resource->hidden_by;
	MemoryContext cxt = CurrentMemoryContext;
	List	   *keys;
	List	   *hidden = NIL;
	ListCell   *cell;
	BcdRights	rights;

	if (hidden_by == NULL || !bcd_feed_maps(old, hidden_by) || bcd_feed_maps(feed, hidden_by))
		return;
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	keys = bcd_links_hidden(feed->name, feed->resource);
	foreach(cell, keys)
		if (bcd_feed_exists(old, lfirst(cell)))
		hidden = lappend(hidden, lfirst(cell));
	if (hidden != NIL)
		bcd_links_forget_hidden(feed->name, hidden_by, bcd_text_array(hidden));
	bcd_spi_end(&rights);
}

/*
 * A mapping that sets from now on whether records are hidden sends that for all
 * of them: what the store once showed there (engine/shown.c) does not count.
 */
static void
forget_shown(const BcdFeed *old, const BcdFeed *feed)
{
	const char *hidden_by = feed->resource->hidden_by;
	BcdRights	rights;

	if (hidden_by == NULL || bcd_feed_maps(old, hidden_by) || !bcd_feed_maps(feed, hidden_by))
		return;
	bcd_spi_begin(&rights);
	bcd_links_forget_shown(feed->name, feed->resource);
	bcd_spi_end(&rights);
}

/*
 * Forgets what the store holds of facets that are stored in a different place
 * under the new options. Returns whether there are any.
 */
static bool
forget_moved_facets(const BcdFeed *old, const BcdFeed *feed)
{
	const BcdResource *r = feed->resource;
	bool		moved = false;
	BcdRights	rights;
	int			i;

	for (i = 0; i < r->nfields; i++)
	{
		const BcdFacet *facet = bcd_resource_facet_of(r, &r->fields[i]);
		char	   *was = facet->placed_by ? bcd_payload_text(old->options_json, facet->placed_by) : NULL;
		char	   *is = facet->placed_by ? bcd_payload_text(feed->options_json, facet->placed_by) : NULL;

		if (!bcd_feed_maps(feed, r->fields[i].name) || (was ? is && strcmp(was, is) == 0 : is == NULL))
			continue;
		bcd_spi_begin(&rights);
		bcd_links_forget_field(feed->name, r->fields[i].name);
		bcd_spi_end(&rights);
		moved = true;
	}
	return moved;
}

/*
 * Forgets what the store holds of a field of which it was sent differences, as
 * that is not known. Returns whether there is one.
 */
static bool
forget_counted(const BcdFeed *old, const BcdFeed *feed)
{
	const BcdFacet *facet = bcd_counting_facet(feed->resource, old->options_json);
	BcdRights	rights;

	if (facet == NULL || bcd_counting_facet(feed->resource, feed->options_json) == facet)
		return false;
	bcd_spi_begin(&rights);
	bcd_links_forget_field(feed->name, facet->changes_of);
	bcd_stock_levels_delete(feed->name);
	bcd_spi_end(&rights);
	return true;
}

/*
 * bcdelta.alter_feed(feed, fields, filter, on_delete, on_conflict, options)
 *
 * Null arguments keep the current values; an empty filter removes the filter.
 */
Datum
bcdelta_alter_feed(PG_FUNCTION_ARGS)
{
	BcdFeedChange args;
	BcdFeed    *old;
	BcdFeed    *feed;
	bool		changed;

	bcd_check_writable("bcdelta.alter_feed()");
	bcd_check_not_null(fcinfo, 0, "feed");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "alter");
	bcd_feed_free(feed);
	old = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	read_arguments(fcinfo, feed, &args);
	bcd_watch_begin(feed);
	apply(feed, &args);
	if (args.on_delete)
		bcd_check_row_security(feed->source, feed->owner, bcd_on_delete_from(args.on_delete));
	bcd_mapping_check(feed);
	if (args.fields)
		bcd_check_clash(feed, args.fields);
	if (args.fields || args.filter)
		bcd_mapping_advise(feed);
	if (args.on_conflict || args.options || args.fields)
		bcd_policy_advise(feed, args.on_conflict ? args.on_conflict : bcd_policy_name(feed->on_conflict));
	bcd_watch_alter(feed);
	changed = update(feed, &args);
	if (changed)
	{
		forget_hidden_by_mapping(old, feed);
		forget_shown(old, feed);
	}
	changed |= forget_moved_facets(old, feed);
	changed |= forget_counted(old, feed);
	if (changed)
		bcd_mark_everything(feed);
	if (feed->paused)
		ereport(NOTICE,
				(errmsg("feed \"%s\" is paused: %s", feed->name,
						feed->paused_reason ? feed->paused_reason : "no reason is given"),
				 errhint("SELECT bcdelta.resume(%s) resumes it.",
						 quote_literal_cstr(feed->name))));
	bcd_feed_free(old);
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
