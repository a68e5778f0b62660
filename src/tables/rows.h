/*
 * rows.h
 *		Rows of several feeds, as returned by statements.
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

extern BcdFoundRow *bcd_found_rows(BcdStatement *statement, Datum *args, uint64 *n);

#endif							/* BCD_TABLE_ROWS_H */
