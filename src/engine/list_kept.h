/*
 * list_kept.h
 *		Lists of the store that are kept for the items that follow.
 */
#ifndef BCD_LIST_KEPT_H
#define BCD_LIST_KEPT_H

#include <cjson/cJSON.h>

#include "engine/engine.h"

/* Called with the records of each page, and the last one */
typedef void (*BcdKeptReader) (BcdJob *job, const cJSON *data, bool is_last, void *arg);

extern void bcd_kept_begin(BcdLane *lane, const char *url);
extern void bcd_kept_add(BcdJob *job, const char *url, int page, bool is_last);
extern bool bcd_kept_has(const BcdLane *lane, const char *url);
extern void bcd_kept_read(BcdJob *job, BcdKeptReader reader, void *arg);

#endif							/* BCD_LIST_KEPT_H */
