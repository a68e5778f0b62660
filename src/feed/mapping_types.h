/*
 * mapping_types.h
 *		The SQL types of the expressions of a mapping.
 */
#ifndef BCD_MAPPING_TYPES_H
#define BCD_MAPPING_TYPES_H

#include "feed/feed.h"

extern Oid *bcd_mapping_types(const BcdFeed *feed);

#endif							/* BCD_MAPPING_TYPES_H */
