/*
 * why_read.h
 *		Reads the record of one row, for why().
 */
#ifndef BCD_WHY_READ_H
#define BCD_WHY_READ_H

#include <cjson/cJSON.h>

#include "feed/feed.h"

extern const cJSON *bcd_why_read(const BcdFeed *feed, int64 store_id);

#endif							/* BCD_WHY_READ_H */
