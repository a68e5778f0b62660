/*
 * rows.c
 *		Rows of several feeds, as returned by statements.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/rows.h"

/*
 * Returns the rows that a query finds: feed_id (int8) and key, sorted by feed.
 * They are valid as long as the query's result.
 */
BcdFoundRow *
bcd_found_rows(BcdStatement *statement, Datum *args, uint64 *n)
{
	BcdFoundRow *rows;
	uint64		i;

	*n = bcd_select(statement, args, NULL);
	rows = palloc(sizeof(BcdFoundRow) * (*n + 1));
	for (i = 0; i < *n; i++)
	{
		bool		isnull;

		rows[i].feed_id = (int32) bcd_column_int64(i, 1, NULL);
		rows[i].key = bcd_column_datum(i, 2, &isnull);
	}
	return rows;
}
