/*
 * view.h
 *		Determines which fields of records replies should contain.
 */
#ifndef BCD_VIEW_H
#define BCD_VIEW_H

#include "engine/engine.h"

extern char *bcd_default_filter(const BcdRun *run, const BcdLane *lane);
extern void bcd_append_fields(StringInfo url, BcdLane *lane, BcdStage stage, const BcdEndpoint *endpoint);
extern char *bcd_list_fields(const BcdResource *r, int limit, bool scope);
extern void bcd_append_reply_fields(StringInfo url, BcdLane *lane, BcdStage stage, int n, bool rides);
extern void bcd_forget_asked(BcdGates *gates);

#endif							/* BCD_VIEW_H */
