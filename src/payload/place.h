/*
 * place.h
 *		Fields that place a record.
 */
#ifndef BCD_PLACE_H
#define BCD_PLACE_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

extern bool bcd_place_differs(const BcdResource *resource, Jsonb *wanted, Jsonb *known);
extern bool bcd_place_is_unknown(const BcdResource *resource, Jsonb *wanted, Jsonb *known);
extern Jsonb *bcd_place_read(const BcdResource *resource, Jsonb *known, Jsonb *wanted, const cJSON *record);
extern char *bcd_flaw_of_target(const BcdResource *resource, Jsonb *wanted);

#endif							/* BCD_PLACE_H */
