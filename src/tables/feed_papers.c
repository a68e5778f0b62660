/*
 * feed_papers.c
 *		Feeds, as papers show them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/feed_papers.h"
#include "tables/report_scope.h"

static BcdStatement feeds_shown = {
	"SELECT f.feed, f.source::text, f.resource, f.on_delete, f.on_conflict, nullif(f.policies, '{}')::text,"
	" coalesce(f.options ->> 'push' = 'immediate', false), coalesce(h.state, f.state),"
	" CASE WHEN h.state IS NULL THEN f.paused_reason ELSE h.paused_reason END"
	" FROM bcdelta.feed AS f CROSS JOIN LATERAL bcdelta.feed_state(f.feed) AS h"
	" WHERE f.server = $1 AND " BCD_SCOPE_SEES("f.feed") " ORDER BY f.feed COLLATE \"C\"",
	BCD_SCOPE_ARGS
};

/* Returns BcdFeedShown structs. */
List *
bcd_feeds_shown(const BcdScope *scope)
{
	uint64		n = bcd_scope_select(&feeds_shown, scope);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdFeedShown *f = palloc(sizeof(BcdFeedShown));

		f->feed = bcd_column_text(i, 1);
		f->source = bcd_column_text(i, 2);
		f->resource = bcd_column_text(i, 3);
		f->on_delete = bcd_column_text(i, 4);
		f->on_conflict = bcd_column_text(i, 5);
		f->policies = bcd_column_text(i, 6);
		f->at_once = bcd_column_bool(i, 7);
		f->state = bcd_column_text(i, 8);
		f->paused_reason = bcd_column_text(i, 9);
		list = lappend(list, f);
	}
	return list;
}
