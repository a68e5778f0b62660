/*
 * feed_authority.c
 *		What the present stage of their store means for feeds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/feed_authority.h"

static BcdStatement select_rules = {
	"SELECT f.feed_id, f.feed, coalesce(n.field, ''), n.owner FROM bcdelta.authority_now AS n"
	" JOIN bcdelta.feed AS f ON f.server = n.server AND f.resource = n.resource"
	" WHERE n.server = $1 ORDER BY f.feed_id, n.field NULLS FIRST",
	1, {NAMEOID}
};

/* Returns what applies to the feeds of a store at present, as BcdFeedRule structs. */
List *
bcd_feed_rules(const char *server)
{
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_select(&select_rules, &arg, NULL);
	List	   *list = NIL;
	bool		isnull;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdFeedRule *r = palloc(sizeof(BcdFeedRule));

		r->feed_id = DatumGetInt32(bcd_column_datum(i, 1, &isnull));
		r->feed = bcd_column_text(i, 2);
		r->field = bcd_column_text(i, 3);
		r->owner = bcd_column_text(i, 4);
		list = lappend(list, r);
	}
	return list;
}
