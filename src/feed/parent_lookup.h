/*
 * parent_lookup.h
 *		The lookups of dependencies: from the values of a child row to the keys
 *		of the rows that it belongs to.
 */
#ifndef BCD_PARENT_LOOKUP_H
#define BCD_PARENT_LOOKUP_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/tuplestore.h"

#include "feed/feed.h"

/* A dependency with a lookup, ready to be run */
typedef struct BcdLookup
{
	int32		dependency_id;
	BcdFeed    *feed;
	Oid			child;
	List	   *columns;
	char	   *query;
	SPIPlanPtr	plan;			/* NULL: not yet */
	int			ncolumns;
	Oid			types[INDEX_MAX_KEYS];
	Oid			inputs[INDEX_MAX_KEYS];
	Oid			ioparams[INDEX_MAX_KEYS];
	int32		typmods[INDEX_MAX_KEYS];
} BcdLookup;

/* The query for one set of captured values */
typedef struct BcdSearch
{
	BcdLookup  *lookup;
	char	   *captured;
	Tuplestorestate *keys;		/* its result */
	TupleDesc	desc;			/* of the keys */
	int64		nkeys;
} BcdSearch;

extern void bcd_parents_check(const BcdFeed *feed, Oid child, List *columns, const char *lookup);
extern List *bcd_parents_columns(const BcdFeed *feed, Oid child, List *columns, const char *lookup,
								 bool *seen);
extern ErrorData *bcd_parents_search(BcdSearch *search);

#endif							/* BCD_PARENT_LOOKUP_H */
