/*
 * adjusted_due.c
 *		Adjustments: reads the values of new ones, and ends those whose time
 *		has come.
 *
 * A session that makes an adjustment does not know what the store holds.  A
 * verify of the row reads it.  It is requested once; if it fails, the next
 * verify that compares the row reads the value.
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "feed/adjusted.h"
#include "feed/database_identity.h"
#include "tables/adjustment.h"
#include "tables/run.h"
#include "worker/adjusted_due.h"

/* Adjustments whose values one turn reads */
#define AT_ONCE		10000

/* In a transaction of the worker */
void
bcd_adjusted_due(void)
{
	ListCell   *lc;

	(void) bcd_adjustments_expire();
	foreach(lc, bcd_adjustments_to_read(bcd_home(), AT_ONCE))
	{
		BcdUnreadRows *rows = lfirst(lc);
		BcdRunRequest request = {.kind = "verify",.mode = "adjusted"};

		request.feed = rows->feed;
		request.server = rows->server;
		request.role = rows->owner;
		request.only = rows->keys;
		(void) bcd_run_insert(&request);
	}
}
