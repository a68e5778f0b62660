/*
 * compare.c
 *		bcdelta.compare(): the text of a query that shows a feed's rows beside
 *		their records.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed/feed.h"
#include "feed/mapping.h"
#include "foreign/compare.h"
#include "functions/args.h"
#include "resource/resource.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(bcdelta_compare);

/* bcdelta.compare(feed) */
Datum
bcdelta_compare(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	char	   *query;

	bcd_check_not_null(fcinfo, 0, "feed");
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "compare");
	if (!bcd_resource_is_listed(feed->resource))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("records of resource %s cannot be shown by a foreign table", feed->resource->name),
				 errhint("bcdelta.verify('%s') compares the feed with the store.", feed->name)));
	bcd_mapping_check(feed);
	query = bcd_foreign_compare(feed, bcd_store_check(feed->server, GetUserId()), GetUserId());
	bcd_feed_free(feed);
	PG_RETURN_TEXT_P(cstring_to_text(query));
}
