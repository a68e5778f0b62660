/*
 * report_view.c
 *		What a reader of reports and papers may see.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "base/db.h"
#include "base/roles.h"
#include "functions/report_view.h"
#include "tables/feed_owner.h"
#include "tables/feed_report.h"
#include "tables/result_history.h"

/* May the caller read all that a report tells? */
bool
bcd_reads_all(void)
{
	return bcd_history_readable(GetUserId()) && bcd_report_readable(GetUserId());
}

/* Those of the feeds whose owners the caller may act for. */
static List *
own(const List *feeds, const List *owners)
{
	List	   *mine = NIL;
	int			i;

	for (i = 0; i < list_length(feeds); i++)
		if (bcd_may_act_for(list_nth_oid(owners, i)))
			mine = lappend(mine, list_nth(feeds, i));
	return mine;
}

/*
 * Sets what the caller may see of a server.  Results and the like outlive
 * their feeds, so who owns all feeds that are there may still not see all.
 */
void
bcd_set_view(BcdScope *scope)
{
	BcdRights	rights;
	MemoryContext cxt = CurrentMemoryContext;
	List	   *owners;
	List	   *feeds;

	scope->all = scope->whole = bcd_reads_all();
	if (scope->all)
		return;
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_feeds_of_server(scope->server, &owners);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	scope->feeds = own(feeds, owners);
	scope->whole = feeds != NIL && list_length(scope->feeds) == list_length(feeds);
}

/*
 * Leaves out what happened before the feeds of a view belonged to their
 * owners: from a report about a run, the feeds that are concerned, from others,
 * that time.  To be called once the times of the scope are set.
 */
void
bcd_limit_view(BcdScope *scope)
{
	BcdRights	rights;
	MemoryContext cxt = CurrentMemoryContext;
	List	   *seen = NIL;
	ListCell   *lc;

	if (scope->all)
		return;
	bcd_spi_begin(&rights);
	if (scope->run_id == 0)
		scope->since = Max(scope->since, bcd_feeds_owned_since(scope->feeds));
	else
	{
		foreach(lc, scope->feeds)
		{
			bool		sees = bcd_feeds_owned_since(list_make1(lfirst(lc))) <= scope->since;
			MemoryContext old = MemoryContextSwitchTo(cxt);

			if (sees)
				seen = lappend(seen, lfirst(lc));
			MemoryContextSwitchTo(old);
		}
		scope->feeds = seen;
	}
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
}
