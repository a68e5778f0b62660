/*
 * feed_immediate.c
 *		bcdelta.feed: feeds whose changes are pushed when they are committed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/feed_immediate.h"

/*
 * A feed whose last run of this kind has failed, or has done nothing although
 * rows are there, is tried again later; in the second case at once if rows have
 * changed since.  A run that has not ended takes what comes, unless it pauses.
 */
static BcdStatement select_feeds = {
	"SELECT f.feed_id::int8, f.feed, f.server::text, f.owner::oid::int8,"
	" (EXISTS (SELECT FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'ready')"
	"  OR EXISTS (SELECT FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'waiting' AND p.next_attempt_at <= now()))"
	" AND NOT EXISTS (SELECT FROM bcdelta.run AS r WHERE r.state IN ('requested', 'running') AND r.server = f.server"
	"  AND r.kind = 'push' AND (r.feed IS NULL OR r.feed = f.feed) AND r.paused_until IS NULL)"
	" AND NOT EXISTS (SELECT FROM ("
	"   SELECT r.* FROM bcdelta.run AS r WHERE r.server = f.server AND r.feed = f.feed ORDER BY r.run_id DESC LIMIT 1) AS l"
	"  WHERE l.mode = 'immediate' AND l.finished_at > now() - interval '30 seconds'"
	"  AND (l.state <> 'succeeded' OR l.created + l.updated + l.deleted + l.hidden + l.linked + l.unchanged + l.failed = 0"
	"   AND NOT EXISTS (SELECT FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'ready'"
	"    AND coalesce(p.last_changed_at, p.changed_at) > l.finished_at)))"
	" FROM bcdelta.feed AS f WHERE f.options ->> 'push' = 'immediate' AND f.state = 'active' AND f.home = $1"
	" ORDER BY f.feed_id",
	1, {TEXTOID}
};

/*
 * Returns the feeds of this home as BcdImmediateFeed structs, in the current
 * memory context.
 */
List *
bcd_feeds_immediate(const char *home)
{
	List	   *list = NIL;
	Datum		arg = CStringGetTextDatum(home);
	uint64		n = bcd_select(&select_feeds, &arg, NULL);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdImmediateFeed *feed = palloc(sizeof(BcdImmediateFeed));

		feed->feed_id = (int32) bcd_column_int64(i, 1, NULL);
		feed->feed = bcd_column_text(i, 2);
		feed->server = bcd_column_text(i, 3);
		feed->owner = (Oid) bcd_column_int64(i, 4, NULL);
		feed->due = bcd_column_bool(i, 5);
		list = lappend(list, feed);
	}
	return list;
}
