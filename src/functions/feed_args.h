/*
 * feed_args.h
 *		Argument checks for track() and alter_feed().
 */
#ifndef BCD_FEED_ARGS_H
#define BCD_FEED_ARGS_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

extern Jsonb *bcd_object_argument(FunctionCallInfo fcinfo, int n, const char *name);
extern void bcd_check_on_conflict(const char *value, const char *argument, const BcdResource *resource);
extern void bcd_check_on_delete(const char *value, const BcdResource *resource);
extern char *bcd_filter_argument(FunctionCallInfo fcinfo, int n);

#endif							/* BCD_FEED_ARGS_H */
