/*
 * shown.h
 *		What is known of whether records are shown.
 */
#ifndef BCD_SHOWN_H
#define BCD_SHOWN_H

#include "engine/engine.h"

extern Jsonb *bcd_with_shown(const BcdItem *item, Jsonb *known, const cJSON *record);
extern Jsonb *bcd_with_shown_written(const BcdItem *item, Jsonb *known);
extern void bcd_decide_agrees(BcdItem *item, const cJSON *record);
extern void bcd_item_forget_shown(BcdItem *item);

#endif							/* BCD_SHOWN_H */
