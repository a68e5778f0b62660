/*
 * unmapped_fields.h
 *		Fields for which the mapping once gave a value, and no longer does.
 */
#ifndef BCD_UNMAPPED_FIELDS_H
#define BCD_UNMAPPED_FIELDS_H

#include "engine/engine.h"

extern bool bcd_item_forget_unmapped(BcdItem *item);
extern Jsonb *bcd_item_dropped(const BcdItem *item);
extern Jsonb *bcd_item_known_written(const BcdItem *item);
extern Jsonb *bcd_item_known_read(const BcdItem *item, const cJSON *record);

#endif							/* BCD_UNMAPPED_FIELDS_H */
