/*
 * mapping_address.h
 *		Checks that a mapping identifies records that have no id.
 */
#ifndef BCD_MAPPING_ADDRESS_H
#define BCD_MAPPING_ADDRESS_H

#include "feed/feed.h"

extern void bcd_mapping_check_address(const BcdFeed *feed);
extern void bcd_mapping_check_made_key(const BcdFeed *feed);

#endif							/* BCD_MAPPING_ADDRESS_H */
