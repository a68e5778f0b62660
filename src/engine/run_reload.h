/*
 * run_reload.h
 *		Reads a feed again that was altered during a push.
 */
#ifndef BCD_RUN_RELOAD_H
#define BCD_RUN_RELOAD_H

#include "engine/engine.h"

extern void bcd_item_expire(BcdItem *item, bool may_be_written);
extern void bcd_lanes_reload(BcdRun *run);

#endif							/* BCD_RUN_RELOAD_H */
