/*
 * link_below.h
 *		bcdelta.link: rows whose records are children of other records.
 */
#ifndef BCD_TABLE_LINK_BELOW_H
#define BCD_TABLE_LINK_BELOW_H

#include "resource/resource.h"

/* A row, and the parent of its record */
typedef struct BcdBelow
{
	int64		parent;			/* 0: unknown */
	char	   *feed;
	char	   *key;
} BcdBelow;

extern BcdBelow *bcd_links_below(const char *server, const BcdResource *resource, Datum ids, uint64 *n);

#endif							/* BCD_TABLE_LINK_BELOW_H */
