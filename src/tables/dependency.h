/*
 * dependency.h
 *		bcdelta.dependency: child tables whose changes mark rows of a feed.
 */
#ifndef BCD_TABLE_DEPENDENCY_H
#define BCD_TABLE_DEPENDENCY_H

#include "nodes/pg_list.h"

typedef struct BcdDependency
{
	int32		id;
	Oid			child;
	List	   *parent_key;		/* column names */
	char	   *lookup;			/* query that finds the rows; NULL: the
								 * columns are the key itself */
	char	   *feed;			/* set by bcd_dependency_read() only */
} BcdDependency;

extern List *bcd_dependencies_of(const char *feed);
extern bool bcd_dependency_read(int32 id, BcdDependency *dependency);
extern bool bcd_dependency_insert(const char *feed, Oid child, Datum parent_key, const char *lookup);
extern int32 bcd_dependency_id(const char *feed, Oid child, Datum parent_key);
extern int32 bcd_dependency_delete_other(const char *feed, Oid child, Datum parent_key,
										 const char *lookup);
extern List *bcd_dependencies_delete_dropped(const char *feed);
extern List *bcd_dependencies_delete_child(const char *feed, Oid child);
extern void bcd_dependencies_delete(const char *feed);

#endif							/* BCD_TABLE_DEPENDENCY_H */
