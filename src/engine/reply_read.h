/*
 * reply_read.h
 *		What a successful reply to a read or a write means for each item.
 */
#ifndef BCD_REPLY_READ_H
#define BCD_REPLY_READ_H

#include "engine/engine.h"

extern void bcd_reply_read(BcdJob *job, const cJSON *reply);

#endif							/* BCD_REPLY_READ_H */
