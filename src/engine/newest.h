/*
 * newest.h
 *		Which side has changed a record last?
 */
#ifndef BCD_ENGINE_NEWEST_H
#define BCD_ENGINE_NEWEST_H

#include "engine/engine.h"
#include "feed/policy.h"
#include "tables/conflict.h"

extern bool bcd_store_changed_at(const BcdStoreClock *clock, const cJSON *record, TimestampTz *at);
extern BcdPolicy bcd_newest(const BcdItem *item, const cJSON *record, BcdConflict *conflict);

#endif							/* BCD_ENGINE_NEWEST_H */
