/*
 * preview_keys.h
 *		Rows that a push does not write as if they were alone.
 */
#ifndef BCD_PREVIEW_KEYS_H
#define BCD_PREVIEW_KEYS_H

#include "utils/jsonb.h"

#include "feed/feed.h"

extern char *bcd_preview_keys(BcdFeed *feed, int64 store_id, Jsonb *wanted, Jsonb *known);

#endif							/* BCD_PREVIEW_KEYS_H */
