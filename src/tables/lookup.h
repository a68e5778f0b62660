/*
 * lookup.h
 *		bcdelta.lookup: captured values that a lookup has yet to match to
 *		rows.
 */
#ifndef BCD_TABLE_LOOKUP_H
#define BCD_TABLE_LOOKUP_H

#include "nodes/pg_list.h"

/* A dependency that has captured values */
typedef struct BcdLookupWait
{
	int32		dependency_id;
	bool		exists;
	bool		active;			/* its feed is active */
} BcdLookupWait;

/* A captured value */
typedef struct BcdCaptured
{
	Datum		values;			/* a JSON array, as text */
	Datum		changed_at;
} BcdCaptured;

extern void bcd_lookups_insert(Datum feed_ids, Datum keys, Datum changed_ats);
extern List *bcd_lookups_waiting(void);
extern BcdCaptured *bcd_lookups_read(int32 dependency_id, int limit, int *n);
extern void bcd_lookups_delete(int32 dependency_id, const BcdCaptured *captured, int n);

#endif							/* BCD_TABLE_LOOKUP_H */
