/*
 * source.h
 *		Checks whether a table can be the source of a feed, or a table that a
 *		feed depends on.
 */
#ifndef BCD_SOURCE_H
#define BCD_SOURCE_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

extern Relation bcd_source_open(Oid relid, const char *capture, LOCKMODE lock);
extern Relation bcd_child_open(Oid relid, const char *capture, LOCKMODE lock);
extern Datum bcd_source_key(Relation source, Datum wanted);

#endif							/* BCD_SOURCE_H */
