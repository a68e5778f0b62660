/*
 * settle_doubt.c
 *		bcdelta.settle(): what has become of adjustments whose outcome is not
 *		known.
 *
 * Only a person can tell, from the levels before and after, and from what the
 * store has sold meanwhile.  The rows are marked, so that what is still to be
 * sent is sent with the next push.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "capture/change.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/key.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "payload/payload.h"
#include "tables/link_doubt.h"
#include "tables/pending.h"
#include "tables/stock_level.h"

PG_FUNCTION_INFO_V1(bcdelta_settle);

/* Marks these rows; returns their number. */
static int64
mark(const BcdFeed *feed, List *keys)
{
	BcdChanges *changes = bcd_changes_begin(feed->feed_id);
	ListCell   *lc;

	foreach(lc, keys)
		bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(lfirst(lc)));
	bcd_changes_end(changes);
	return list_length(keys);
}

/*
 * bcdelta.settle(feed, key, done): returns the number of rows.  Rows in flight
 * are left alone, since their outcome may still come.
 */
Datum
bcdelta_settle(PG_FUNCTION_ARGS)
{
	char	   *key = bcd_arg_text(fcinfo, 1);
	BcdFeed    *feed;
	BcdRights	rights;
	Jsonb	   *detail;
	int64		n;

	bcd_check_writable("bcdelta.settle()");
	bcd_check_not_null(fcinfo, 0, "feed");
	bcd_check_not_null(fcinfo, 2, "done");
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "settle rows of");
	if (key)
		key = bcd_key_given(feed, key);
	bcd_links_take(feed->feed_id);
	bcd_spi_begin(&rights);
	if (key && bcd_pending_is_in_flight(feed->name, key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", key, feed->name),
				 errhint("Try again after the run has ended; bcdelta.cancel() stops it.")));
	if (PG_GETARG_BOOL(2))
		bcd_stock_settled(feed->name, key);
	n = mark(feed, bcd_links_settle(feed->name, key, PG_GETARG_BOOL(2)));
	bcd_spi_end(&rights);
	detail = bcd_payload_set_integer(bcd_payload_set_bool(NULL, "done", PG_GETARG_BOOL(2)), "rows", n);
	if (n > 0)
		bcd_decided("settle", feed->name, key, NULL, detail);
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(n);
}
