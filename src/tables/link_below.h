/*
 * link_below.h
 *		bcdelta.link: rows whose records are below others.
 */
#ifndef BCD_TABLE_LINK_BELOW_H
#define BCD_TABLE_LINK_BELOW_H

#include "resource/resource.h"

/* A row, and which of the records its own is below */
typedef struct BcdBelow
{
	int64		parent;			/* 0: not known */
	char	   *feed;
	char	   *key;
} BcdBelow;

extern BcdBelow *bcd_links_below(const char *server, const BcdResource *resource, Datum ids, uint64 *n);

#endif							/* BCD_TABLE_LINK_BELOW_H */
