/*
 * url.h
 *		Paths and queries from the templates of resources.
 */
#ifndef BCD_URL_H
#define BCD_URL_H

#include "lib/stringinfo.h"

/* The value of a placeholder for the nth record, palloc'd; NULL: none */
typedef char *(*BcdUrlValue) (const char *name, int nth, const void *arg);

extern void bcd_url_append(StringInfo url, const char *path, const char *query,
						   int n, BcdUrlValue value, const void *arg);
extern const char *bcd_url_version(const char *path);
extern char *bcd_url_of_id(const char *name, int nth, const void *ids);

#endif							/* BCD_URL_H */
