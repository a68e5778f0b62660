/*
 * track.c
 *		track() and untrack(): create and drop a feed.
 *
 * track() checks everything that can be checked without a row, while the user
 * is there to see the error. Later problems pause the feed with a reason, and
 * resume() repeats all checks.
 */
#include "postgres.h"

#include "access/relation.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/feed_options.h"
#include "feed/mapping.h"
#include "feed/policy.h"
#include "feed/row_security.h"
#include "feed/source.h"
#include "feed/triggers.h"
#include "feed/watch.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/feed_args.h"
#include "functions/feed_clash.h"
#include "resource/resource.h"
#include "store/store.h"
#include "tables/adjustment.h"
#include "tables/conflict.h"
#include "tables/dependency.h"
#include "tables/feed.h"
#include "tables/feed_state.h"
#include "tables/freeze_leak.h"
#include "tables/link.h"
#include "tables/move.h"
#include "tables/pending.h"
#include "tables/stock_level.h"

PG_FUNCTION_INFO_V1(bcdelta_track);
PG_FUNCTION_INFO_V1(bcdelta_untrack);

static const char *const captures[] = {"statement", "row", "none", NULL};

/* The arguments of track(), checked one by one */
typedef struct TrackArgs
{
	Oid			source;
	char	   *server;
	const BcdResource *resource;
	Jsonb	   *fields;			/* NULL: columns are matched by name */
	char	   *feed;			/* NULL: the table's name */
	Datum		key;			/* 0: the primary key */
	char	   *capture;
	char	   *on_delete;
	char	   *on_conflict;
	Jsonb	   *options;
	char	   *filter;			/* NULL: none */
} TrackArgs;

static const BcdResource *
known_resource(const char *name)
{
	const BcdResource *resource = bcd_resource_find(name);
	StringInfoData names;
	int			i;

	if (resource)
	{
		/* raises an error if the references between resources form a circle */
		(void) bcd_resource_rank(resource);
		return resource;
	}
	initStringInfo(&names);
	for (i = 0; bcd_resource_nth(i); i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", bcd_resource_nth(i)->name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown resource \"%s\"", name),
			 errhint("The resources are: %s.", names.data)));
	return NULL;
}

/* Reads and checks everything that does not need the source. */
static void
read_arguments(FunctionCallInfo fcinfo, TrackArgs *args)
{
	static const char *const names[] = {"source", "server", "resource", NULL, NULL, NULL,
	"capture", "on_delete", "on_conflict", "options"};
	BcdFeedOptions options;
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (names[i])
			bcd_check_not_null(fcinfo, i, names[i]);
	args->source = PG_GETARG_OID(0);
	args->server = bcd_arg_name(fcinfo, 1);
	args->resource = known_resource(bcd_arg_text(fcinfo, 2));
	args->fields = PG_ARGISNULL(3) ? NULL : bcd_object_argument(fcinfo, 3, "fields");
	args->feed = bcd_arg_text(fcinfo, 4);
	args->key = PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5);
	args->capture = bcd_arg_text(fcinfo, 6);
	args->on_delete = bcd_arg_text(fcinfo, 7);
	args->on_conflict = bcd_arg_text(fcinfo, 8);
	args->options = bcd_object_argument(fcinfo, 9, "options");
	args->filter = bcd_filter_argument(fcinfo, 10);
	if (args->feed)
		bcd_check_label(args->feed, "feed");
	bcd_check_word(args->capture, "capture", captures);
	bcd_check_on_delete(args->on_delete, args->resource);
	bcd_check_on_conflict(args->on_conflict, "on_conflict", args->resource);
	bcd_feed_options(args->options, args->resource, &options);
}

static void
insert(const TrackArgs *args, Datum key)
{
	BcdNewFeed	feed = {0};
	BcdRights	rights;
	bool		inserted;

	feed.feed = args->feed;
	feed.source = args->source;
	feed.server = args->server;
	feed.resource = args->resource->name;
	feed.key = key;
	feed.fields = args->fields;
	feed.capture = args->capture;
	feed.on_delete = args->on_delete;
	feed.on_conflict = args->on_conflict;
	feed.options = args->options;
	feed.owner = GetUserId();
	feed.home = bcd_home();
	feed.filter = args->filter;
	bcd_spi_begin(&rights);
	inserted = bcd_feed_row_insert(&feed);
	bcd_spi_end(&rights);
	if (!inserted)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("feed \"%s\" already exists", args->feed),
				 errhint("Give this one another name with feed => '...', or drop the other with bcdelta.untrack().")));
}

/* Returns a feed's definition for the journal. */
static Jsonb *
definition(const char *feed)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	Jsonb	   *detail;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	detail = bcd_feed_definition(feed);
	bcd_spi_end(&rights);
	return detail;
}

/*
 * PostgreSQL keeps the rows that a statement has changed for triggers by
 * statement, and counts them as temporary files: the only way in which capture
 * can make a statement fail.  So whoever limits these is told.
 */
static void
advise_capture(const BcdFeed *feed)
{
	if (temp_file_limit < 0 || strcmp(feed->capture, "statement") != 0)
		return;
	ereport(NOTICE,
			(errmsg("statements that change many rows at once may exceed temp_file_limit, which is %d kB", temp_file_limit),
			 errdetail("With capture by statement, PostgreSQL keeps the old and new versions of all rows that a statement changes, in temporary files if they are larger than work_mem."),
			 errhint("Set a limit that is larger than both versions of the table, or use capture => 'row'.")));
}

/*
 * bcdelta.track(source, server, resource, fields, feed, key, capture,
 * on_delete, on_conflict, options, filter): returns the new feed's name.
 *
 * The row is inserted before the mapping is checked, so that the check works
 * on a feed like any other; an error removes it again.
 */
Datum
bcdelta_track(PG_FUNCTION_ARGS)
{
	TrackArgs	args = {0};
	Relation	source;
	BcdFeed    *feed;
	Datum		key;

	bcd_check_writable("bcdelta.track()");
	bcd_check_encoding();
	read_arguments(fcinfo, &args);
	(void) bcd_store_check(args.server, GetUserId());
	source = bcd_source_open(args.source, args.capture, bcd_watch_lock(args.capture));
	bcd_check_row_security(args.source, GetUserId(), bcd_on_delete_from(args.on_delete));
	key = bcd_source_key(source, args.key);
	if (args.feed == NULL)
		args.feed = pstrdup(RelationGetRelationName(source));
	if (args.fields == NULL)
		args.fields = bcd_mapping_default(source, args.resource);
	insert(&args, key);
	feed = bcd_feed_load(args.feed, false);
	bcd_mapping_check(feed);
	bcd_check_clash(feed, args.fields);
	bcd_mapping_advise(feed);
	bcd_policy_advise(feed, args.on_conflict);
	advise_capture(feed);

	/*
	 * keep the lock, but close the table, because DDL fails while it is open
	 */
	relation_close(source, NoLock);
	bcd_watch_source(feed);
	bcd_feed_free(feed);
	bcd_decided("track", args.feed, NULL, NULL, definition(args.feed));
	bcd_wake_worker_at_commit();
	PG_RETURN_TEXT_P(cstring_to_text(args.feed));
}

/*
 * bcdelta.untrack(feed)
 *
 * Works even if the source, the owner or the server no longer exist. Captured
 * changes that have not been folded are left to the worker, which drops
 * changes of unknown feeds.
 */
Datum
bcdelta_untrack(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	BcdRights	rights;
	uint64		links;
	uint64		pending;

	bcd_check_writable("bcdelta.untrack()");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "untrack");
	bcd_triggers_drop_all(feed->feed_id);
	bcd_links_take(feed->feed_id);
	bcd_decided("untrack", feed->name, NULL, NULL, definition(feed->name));
	bcd_spi_begin(&rights);

	/*
	 * rows that the worker is about to mark are not seen before it has done
	 * so
	 */
	bcd_feed_row_lock(feed->name);
	/* in the same order in which the worker writes the tables */
	links = bcd_links_delete(feed->name);
	(void) bcd_adjustments_delete(feed->name, NULL);
	bcd_conflicts_forget(feed->name, NULL);
	pending = bcd_pending_delete(feed->name);
	bcd_feed_row_delete(feed->name);
	bcd_dependencies_delete(feed->name);
	bcd_moves_delete(feed->feed_id, PG_INT64_MAX);
	bcd_freeze_leaks_delete(feed->feed_id);
	bcd_stock_levels_delete(feed->name);
	bcd_spi_end(&rights);
	if (links + pending > 0)
		ereport(NOTICE,
				(errmsg("feed \"%s\" was dropped, with links: " UINT64_FORMAT ", pending rows: " UINT64_FORMAT,
						feed->name, links, pending)));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
