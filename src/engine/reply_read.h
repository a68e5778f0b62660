/*
 * reply_read.h
 *		What a successful reply to a read or a write means for each item.
 */
#ifndef BCD_REPLY_READ_H
#define BCD_REPLY_READ_H

#include "engine/engine.h"
#include "store/verdict.h"

extern bool bcd_take_saved(BcdJob *job, BcdVerdict verdict);
extern void bcd_reply_read(BcdJob *job, const cJSON *reply);

#endif							/* BCD_REPLY_READ_H */
