/*
 * directory.h
 *		bcdelta.directory: names in the store's lists, and their ids.
 */
#ifndef BCD_DIRECTORY_TABLE_H
#define BCD_DIRECTORY_TABLE_H

#include "nodes/pg_list.h"

extern void bcd_directory_replace(const char *server, const char *store, const char *resource,
								  Datum names, Datum ids);
extern int	bcd_directory_find(const char *server, const char *store, const char *resource,
							   const char *name, int64 *ids, int most);
extern List *bcd_directory_alike(const char *server, const char *store, const char *resource,
								 const char *name);
extern bool bcd_directory_has(const char *server, const char *store, const char *resource);
extern int64 bcd_directory_count(const char *server, const char *store, const char *resource);
extern int64 bcd_directory_rename_server(const char *from, const char *to);

#endif							/* BCD_DIRECTORY_TABLE_H */
