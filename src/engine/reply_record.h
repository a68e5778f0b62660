/*
 * reply_record.h
 *		Which record of a reply belongs to an item.
 */
#ifndef BCD_REPLY_RECORD_H
#define BCD_REPLY_RECORD_H

#include <cjson/cJSON.h>

#include "engine/engine.h"

extern const cJSON *bcd_record_for(BcdJob *job, BcdItem *item, const cJSON *data);

#endif							/* BCD_REPLY_RECORD_H */
