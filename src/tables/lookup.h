/*
 * lookup.h
 *		bcdelta.lookup: captured values for which a lookup has to find rows.
 */
#ifndef BCD_TABLE_LOOKUP_H
#define BCD_TABLE_LOOKUP_H

#include "nodes/pg_list.h"

/* A dependency for which something waits */
typedef struct BcdLookupWait
{
	int32		dependency_id;
	bool		exists;
	bool		active;			/* its feed is */
} BcdLookupWait;

/* What was captured, and waits */
typedef struct BcdCaptured
{
	Datum		values;			/* text: a JSON array */
	Datum		changed_at;
} BcdCaptured;

extern void bcd_lookups_insert(Datum feed_ids, Datum keys, Datum changed_ats);
extern List *bcd_lookups_waiting(void);
extern BcdCaptured *bcd_lookups_read(int32 dependency_id, int limit, int *n);
extern void bcd_lookups_delete(int32 dependency_id, const BcdCaptured *captured, int n);

#endif							/* BCD_TABLE_LOOKUP_H */
