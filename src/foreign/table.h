/*
 * table.h
 *		Foreign tables: the resource of each, and the fields of its columns.
 */
#ifndef BCD_FOREIGN_TABLE_H
#define BCD_FOREIGN_TABLE_H

#include "resource/resource.h"

/* A column; name NULL: it was dropped */
typedef struct BcdColumn
{
	const char *name;			/* of the API's field */
	Oid			type;
	bool		is_id;
	bool		is_raw;			/* the whole record */
	const BcdField *field;		/* NULL: one of the former two */
} BcdColumn;

typedef struct BcdTable
{
	Oid			relid;
	Oid			serverid;
	char	   *name;
	const BcdResource *resource;
	int			page;			/* most records of a reply */
	int			max_calls;		/* 0: bcdelta.max_calls alone */
	int			ncolumns;
	BcdColumn  *columns;		/* that with attribute number 1 first */
} BcdTable;

extern BcdTable *bcd_foreign_table(Oid relid);
extern const BcdColumn *bcd_table_column(const BcdTable *table, int attnum);
extern bool bcd_column_is_plain(const BcdColumn *column);

#endif							/* BCD_FOREIGN_TABLE_H */
