/*
 * feed_authority.c
 *		What the present stage of their store means for feeds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/feed_authority.h"

static BcdStatement select_withheld = {
	"SELECT f.feed_id, f.feed, coalesce(n.field, '') FROM bcdelta.authority_now AS n"
	" JOIN bcdelta.feed AS f ON f.server = n.server AND f.resource = n.resource"
	" WHERE n.server = $1 AND n.owner = 'store' ORDER BY f.feed, n.field",
	1, {NAMEOID}
};

/* Returns what a store owns of its feeds at present, as BcdWithheld structs. */
List *
bcd_withheld(const char *server)
{
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_select(&select_withheld, &arg, NULL);
	List	   *list = NIL;
	bool		isnull;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdWithheld *w = palloc(sizeof(BcdWithheld));

		w->feed_id = DatumGetInt32(bcd_column_datum(i, 1, &isnull));
		w->feed = bcd_column_text(i, 2);
		w->field = bcd_column_text(i, 3);
		list = lappend(list, w);
	}
	return list;
}

static BcdStatement count_versions = {
	"UPDATE bcdelta.feed SET version = version + 1 WHERE server = $1", 1, {NAMEOID}
};

/* Runs in progress read the feeds of a store again before they go on. */
void
bcd_feeds_are_new_versions(const char *server)
{
	Datum		arg = bcd_name_datum(server);

	(void) bcd_execute(&count_versions, &arg, NULL);
}
