/*
 * link_referrers.c
 *		bcdelta.link: rows whose records refer to others.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link_referrers.h"

static BcdStatement select_referrers = {
	"SELECT f.feed_id::int8, l.key" BCD_REFERRERS " GROUP BY f.feed_id, l.key ORDER BY f.feed_id, l.key",
	3, {NAMEOID, TEXTARRAYOID, JSONBARRAYOID}
};

/*
 * The rows that refer to records, see BCD_REFERRERS, feed by feed; valid as long
 * as the result of the statement.
 */
BcdReferrer *
bcd_link_referrers(const char *server, Datum fields, Datum ids, uint64 *n)
{
	Datum		args[] = {bcd_name_datum(server), fields, ids};
	BcdReferrer *rows;
	uint64		i;

	*n = bcd_select(&select_referrers, args, NULL);
	rows = palloc(sizeof(BcdReferrer) * (*n + 1));
	for (i = 0; i < *n; i++)
	{
		bool		isnull;

		rows[i].feed_id = (int32) bcd_column_int64(i, 1, NULL);
		rows[i].key = bcd_column_datum(i, 2, &isnull);
	}
	return rows;
}
