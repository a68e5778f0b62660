/*
 * columns.h
 *		The columns of foreign tables.
 */
#ifndef BCD_FOREIGN_COLUMNS_H
#define BCD_FOREIGN_COLUMNS_H

#include "nodes/pg_list.h"
#include "resource/resource.h"

/* The column with the record as the store shows it */
#define BCD_COLUMN_RAW	"raw"

typedef struct BcdForeignColumn
{
	const char *name;
	BcdType		type;
	const BcdField *field;		/* NULL: the id, or the whole record */
} BcdForeignColumn;

extern List *bcd_foreign_columns(const BcdResource *resource);
extern const char *bcd_foreign_sql_type(BcdType type);
extern Oid	bcd_foreign_type(BcdType type);
extern char *bcd_foreign_table_comment(const BcdResource *resource);
extern char *bcd_foreign_column_comment(const BcdResource *resource, const BcdForeignColumn *column);

#endif							/* BCD_FOREIGN_COLUMNS_H */
