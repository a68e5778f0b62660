/*
 * reply_stop.h
 *		Replies that concern more than the rows of their request.
 */
#ifndef BCD_REPLY_STOP_H
#define BCD_REPLY_STOP_H

#include "engine/engine.h"

extern void bcd_stop_feed(BcdLane *lane, char *reason);
extern void bcd_stop_feeds(BcdJob *job, char *reason);
extern void bcd_stop_store(BcdJob *job, char *text);
extern char *bcd_with_advice(BcdJob *job, char *text);
extern void bcd_check_refusals(BcdJob *job);

#endif							/* BCD_REPLY_STOP_H */
