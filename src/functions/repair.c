/*
 * repair.c
 *		repair(): marks the rows in which a verify found differences.
 *
 * The verify has put what it read into the links, so the push of a marked row
 * sends the fields that differ, and nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/db.h"
#include "feed/feed.h"
#include "functions/args.h"
#include "functions/mark.h"
#include "functions/repair.h"
#include "tables/discrepancy.h"
#include "tables/run.h"

PG_FUNCTION_INFO_V1(bcdelta_repair);

/*
 * Raises an error unless the run is a verify that has ended. SPI must be
 * connected, with our rights.
 */
void
bcd_check_verify(int64 run_id)
{
	BcdRunRequest request;
	BcdRunRow	run;

	if (!bcd_run_read(run_id, &request) || !bcd_run_read_newest(run_id, &run))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id)));
	if (strcmp(request.kind, "verify") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("run " INT64_FORMAT " is a %s, not a verify", run_id, request.kind),
				 errhint("SELECT run_id, started_at, conflicts FROM bcdelta.run WHERE kind = 'verify' lists them.")));
	if (strcmp(run.state, "requested") == 0 || strcmp(run.state, "running") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("run " INT64_FORMAT " has not ended yet", run_id),
				 errhint("Wait for its end, or stop it with SELECT bcdelta.cancel(" INT64_FORMAT ").", run_id)));
}

/*
 * Returns the feeds with differences, all of which the caller has to own.
 * Feeds that were untracked meanwhile are left out.
 */
static List *
feeds_to_mark(List *names)
{
	List	   *feeds = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), true);

		if (feed == NULL)
			ereport(NOTICE,
					(errmsg("feed \"%s\" no longer exists; its differences were left out", (char *) lfirst(lc))));
		else
			feeds = lappend(feeds, bcd_feed_load(lfirst(lc), false));
	}
	foreach(lc, feeds)
		bcd_feed_check_owner(lfirst(lc), "mark rows of");
	return feeds;
}

/* bcdelta.repair(run_id): returns the number of rows marked. */
Datum
bcdelta_repair(PG_FUNCTION_ARGS)
{
	int64		run_id = PG_GETARG_INT64(0);
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *feeds;
	int64		n = 0;
	ListCell   *lc;

	bcd_check_writable("bcdelta.repair()");
	bcd_spi_begin(&rights);
	bcd_check_verify(run_id);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_discrepancy_feeds(run_id, false);
	bcd_spi_end(&rights);
	foreach(lc, feeds_to_mark(feeds))
	{
		BcdFeed    *feed = lfirst(lc);
		List	   *keys;

		bcd_spi_begin(&rights);
		MemoryContextSwitchTo(cxt);
		keys = bcd_discrepancy_keys(run_id, feed->name);
		bcd_spi_end(&rights);
		n += bcd_mark_keys(feed, keys);
		list_free_deep(keys);
	}
	PG_RETURN_INT64(n);
}
