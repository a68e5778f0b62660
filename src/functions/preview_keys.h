/*
 * preview_keys.h
 *		Finds rows that a push has to consider together.
 */
#ifndef BCD_PREVIEW_KEYS_H
#define BCD_PREVIEW_KEYS_H

#include "utils/jsonb.h"

#include "feed/feed.h"

extern char *bcd_preview_keys(BcdFeed *feed, int64 store_id, Jsonb *wanted, Jsonb *known, bool *exchanges);

#endif							/* BCD_PREVIEW_KEYS_H */
