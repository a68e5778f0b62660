/*
 * whole_writes.h
 *		What others have changed of records that are written as a whole.
 */
#ifndef BCD_WHOLE_WRITES_H
#define BCD_WHOLE_WRITES_H

#include "engine/engine.h"

extern bool bcd_whole_is_unread(const BcdItem *item, List *tasks);
extern void bcd_put_kept(BcdItem *item, const cJSON *record);

#endif							/* BCD_WHOLE_WRITES_H */
