/*
 * set_merge.h
 *		Sets whose members both sides have changed.
 */
#ifndef BCD_SET_MERGE_H
#define BCD_SET_MERGE_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

extern bool bcd_is_set(const BcdField *field);
extern Jsonb *bcd_set_merged(const BcdField *field, Jsonb *base, Jsonb *mine, const cJSON *theirs);

#endif							/* BCD_SET_MERGE_H */
