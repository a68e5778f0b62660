/*
 * fixed.h
 *		Fields that cannot be changed once a record exists.
 */
#ifndef BCD_FIXED_H
#define BCD_FIXED_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

extern char *bcd_fixed_flaw(const BcdField *field, Jsonb *known);
extern const BcdField *bcd_fixed_difference(const BcdResource *resource, Jsonb *wanted, Jsonb *known);
extern Jsonb *bcd_fixed_read(const BcdResource *resource, Jsonb *known, Jsonb *wanted, const cJSON *record);

#endif							/* BCD_FIXED_H */
