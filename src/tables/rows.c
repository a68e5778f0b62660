/*
 * rows.c
 *		Rows of several feeds, as returned by statements; rows as arrays of
 *		their columns.
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

/* Returns n structs of a size as one array for each column, for unnest(). */
void
bcd_rows_as_arrays(const void *rows, Size size, int n, BcdRowReader read, const Oid *types, int columns, Datum *arrays)
{
	Datum	   *values = palloc(sizeof(Datum) * n * columns);
	bool	   *isnull = palloc(sizeof(bool) * n * columns);
	Datum	   *row = palloc(sizeof(Datum) * columns);
	char	   *nulls = palloc(columns);
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		memset(nulls, ' ', columns);
		read((const char *) rows + i * size, row, nulls);
		for (j = 0; j < columns; j++)
		{
			values[j * n + i] = row[j];
			isnull[j * n + i] = nulls[j] == 'n';
		}
	}
	for (j = 0; j < columns; j++)
		arrays[j] = bcd_array(types[j], values + j * n, isnull + j * n, n);
}
