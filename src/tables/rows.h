/*
 * rows.h
 *		Rows of several feeds, as returned by statements; rows as arrays of
 *		their columns.
 */
#ifndef BCD_TABLE_ROWS_H
#define BCD_TABLE_ROWS_H

#include "base/db.h"

/* The key is of type text */
typedef struct BcdFoundRow
{
	int32		feed_id;
	Datum		key;
} BcdFoundRow;

/* Sets the values of a row, and 'n' or ' ' for each, as SPI wants it. */
typedef void (*BcdRowReader) (const void *row, Datum *values, char *nulls);

extern void bcd_rows_as_arrays(const void *rows, Size size, int n, BcdRowReader read, const Oid *types, int columns, Datum *arrays);
extern BcdFoundRow *bcd_found_rows(BcdStatement *statement, Datum *args, uint64 *n);

#endif							/* BCD_TABLE_ROWS_H */
