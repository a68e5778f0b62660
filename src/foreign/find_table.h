/*
 * find_table.h
 *		Finds the foreign table that shows a resource of a store.
 */
#ifndef BCD_FOREIGN_FIND_TABLE_H
#define BCD_FOREIGN_FIND_TABLE_H

#include "resource/resource.h"

extern Oid	bcd_find_foreign_table(Oid serverid, const BcdResource *resource, Oid userid);

#endif							/* BCD_FOREIGN_FIND_TABLE_H */
