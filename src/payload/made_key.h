/*
 * made_key.h
 *		Keys whose text consists of the values of several fields.
 */
#ifndef BCD_MADE_KEY_H
#define BCD_MADE_KEY_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

extern Jsonb *bcd_with_made_key(const BcdResource *resource, Jsonb *payload, Jsonb *row);
extern Jsonb *bcd_without_made_key(const BcdResource *resource, Jsonb *payload);
extern const char *bcd_made_key_lacks(const BcdResource *resource, Jsonb *row);
extern void bcd_complete_records(const BcdResource *resource, cJSON *reply);

#endif							/* BCD_MADE_KEY_H */
