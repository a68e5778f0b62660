/*
 * name_list.h
 *		The lists of a store in which bcdelta.named() finds names.
 */
#ifndef BCD_NAME_LIST_H
#define BCD_NAME_LIST_H

#include <stdbool.h>

#define BCD_MAX_NAME_LISTS		32

/* A list of the store in which bcdelta.named() finds names */
typedef struct BcdNameList
{
	const char *resource;		/* what named() calls it */
	const char *words;			/* the same in words, plural */
	const char *path;			/* below /v3, unless it begins with /v2/ */
	const char *query;			/* or NULL */
	const char *id;				/* members of its records */
	const char *name;
	bool		whole;			/* it has no pages */
} BcdNameList;

extern const BcdNameList *bcd_names_find(const char *resource);
extern const BcdNameList *bcd_names_nth(int n);
extern uint32 bcd_names_bit(const BcdNameList *list);
extern char *bcd_names_all(void);

#endif							/* BCD_NAME_LIST_H */
