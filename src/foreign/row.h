/*
 * row.h
 *		Makes rows of records.
 */
#ifndef BCD_FOREIGN_ROW_H
#define BCD_FOREIGN_ROW_H

#include "fmgr.h"
#include "nodes/bitmapset.h"
#include "access/tupdesc.h"
#include "utils/jsonb.h"

#include "foreign/table.h"

/* How the columns of a table are read from records */
typedef struct BcdRowReader
{
	const BcdTable *table;
	TupleDesc	desc;
	const Bitmapset *wanted;	/* attribute numbers; others are null */
	FmgrInfo   *input;			/* of a column's type, or that of its elements */
	Oid		   *ioparam;
	Oid		   *element;		/* InvalidOid: it is no array */
	int64		id;				/* of the record, for messages */
	int			attnum;			/* that is being read; 0: none */
} BcdRowReader;

extern BcdRowReader *bcd_row_reader(const BcdTable *table, TupleDesc desc, const Bitmapset *wanted);
extern void bcd_row_read(BcdRowReader *reader, JsonbValue *record, Datum *values, bool *nulls);

#endif							/* BCD_FOREIGN_ROW_H */
