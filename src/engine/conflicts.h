/*
 * conflicts.h
 *		Fields that somebody else changed in the store.
 */
#ifndef BCD_ENGINE_CONFLICTS_H
#define BCD_ENGINE_CONFLICTS_H

#include "engine/engine.h"

extern Jsonb *bcd_without_edits(BcdItem *item, Jsonb *read, const cJSON *record);
extern void bcd_put_values(BcdItem *item);
extern void bcd_conflicts_record(const BcdLane *lane, BcdItem **items, int n);

#endif							/* BCD_ENGINE_CONFLICTS_H */
