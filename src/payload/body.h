/*
 * body.h
 *		Bodies of requests.
 */
#ifndef BCD_BODY_H
#define BCD_BODY_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

extern void bcd_body_update(StringInfo out, const BcdResource *resource, Jsonb *changes, Jsonb *wanted, int64 id);
extern void bcd_body_create(StringInfo out, const BcdResource *resource, Jsonb *wanted, int64 default_id);

#endif							/* BCD_BODY_H */
