/*
 * mapping.h
 *		Checks a feed's mapping before anything is pushed through it.
 */
#ifndef BCD_MAPPING_H
#define BCD_MAPPING_H

#include "utils/jsonb.h"
#include "utils/relcache.h"

#include "feed/feed.h"

extern Jsonb *bcd_mapping_default(Relation source, const BcdResource *resource);
extern void bcd_mapping_check(const BcdFeed *feed);
extern void bcd_mapping_advise(const BcdFeed *feed);
extern List *bcd_mapping_columns(const BcdFeed *feed, Oid relid);
extern char *bcd_type_misfit(const BcdField *field, Oid type);

#endif							/* BCD_MAPPING_H */
