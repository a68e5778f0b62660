/*
 * repeated.h
 *		Fields that an update has to repeat.
 */
#ifndef BCD_ENGINE_REPEATED_H
#define BCD_ENGINE_REPEATED_H

#include <cjson/cJSON.h>

#include "engine/engine.h"

extern bool bcd_repeated_is_unread(const BcdItem *item, List *tasks);
extern void bcd_repeated_was_read(BcdItem *item, const cJSON *record);
extern Jsonb *bcd_row_with_repeated(const BcdItem *item, Jsonb *row);

#endif							/* BCD_ENGINE_REPEATED_H */
