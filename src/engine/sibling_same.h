/*
 * sibling_same.h
 *		What no two siblings have in common, and what follows from it.
 */
#ifndef BCD_SIBLING_SAME_H
#define BCD_SIBLING_SAME_H

#include "base/json.h"
#include "engine/engine.h"

extern bool bcd_is_the_parent(const BcdItem *item, const cJSON *record);
extern bool bcd_is_another_row(BcdItem *item, int64 id);

#endif							/* BCD_SIBLING_SAME_H */
