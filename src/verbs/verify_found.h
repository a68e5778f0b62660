/*
 * verify_found.h
 *		What the replies to a verify of changes say.
 */
#ifndef BCD_VERIFY_FOUND_H
#define BCD_VERIFY_FOUND_H

#include "engine/engine.h"
#include "verbs/verify_record.h"

extern void bcd_ids_add(BcdLane *lane, BcdIds *ids, int64 id);
extern int	bcd_ids_compare(const void *a, const void *b);
extern bool bcd_ids_have(const BcdIds *ids, int64 id);
extern void bcd_found_load_ids(BcdLane *lane);
extern void bcd_found_begin(BcdVerify *v);
extern void bcd_found_take(BcdLane *lane);
extern void bcd_found_doubt(BcdLane *lane, BcdLane *other, const char *key);
extern bool bcd_found_doubts_of(BcdLane *lane, int64 id);
extern void bcd_found_stranger(BcdJob *job, const cJSON *record, int64 id);

#endif							/* BCD_VERIFY_FOUND_H */
