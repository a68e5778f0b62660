/*
 * body.h
 *		Builds the bodies of requests.
 */
#ifndef BCD_BODY_H
#define BCD_BODY_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "payload/task.h"
#include "resource/resource.h"

extern void bcd_body_append(StringInfo out, BcdTask *const *tasks, int n);
extern int	bcd_body_append_together(StringInfo out, BcdTask *const *tasks, int n);
extern void bcd_body_append_object(StringInfo out, const BcdTask *task);
extern Jsonb *bcd_body_of_new(const BcdResource *resource, Jsonb *wanted, int64 default_id);

#endif							/* BCD_BODY_H */
