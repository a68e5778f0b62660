/*
 * push_gone.h
 *		Rows that are gone from the source, in a push.
 */
#ifndef BCD_PUSH_GONE_H
#define BCD_PUSH_GONE_H

#include "engine/engine.h"

extern void bcd_push_later(BcdItem *item);
extern void bcd_push_recheck(BcdItem *item);
extern bool bcd_push_gone_unlisted(BcdItem *item);
extern void bcd_push_gone_read(BcdItem *item, const cJSON *record);

#endif							/* BCD_PUSH_GONE_H */
