/*
 * import.h
 *		IMPORT FOREIGN SCHEMA.
 */
#ifndef BCD_FOREIGN_IMPORT_H
#define BCD_FOREIGN_IMPORT_H

#include "nodes/parsenodes.h"

extern List *bcd_foreign_import(ImportForeignSchemaStmt *stmt, Oid serverid);
extern void bcd_foreign_comment(const ImportForeignSchemaStmt *stmt);

#endif							/* BCD_FOREIGN_IMPORT_H */
