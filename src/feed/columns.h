/*
 * columns.h
 *		Finds the columns of a table that a mapping depends on.
 */
#ifndef BCD_COLUMNS_H
#define BCD_COLUMNS_H

#include "nodes/pg_list.h"

extern List *bcd_depended_columns(Oid relid, const char *query, Oid *types, int ntypes, bool *seen);

#endif							/* BCD_COLUMNS_H */
