/*
 * run_reload.h
 *		A feed that is altered while a push of it goes on.
 */
#ifndef BCD_RUN_RELOAD_H
#define BCD_RUN_RELOAD_H

#include "engine/engine.h"

extern void bcd_item_expire(BcdItem *item, bool may_be_written);
extern void bcd_lanes_reload(BcdRun *run);

#endif							/* BCD_RUN_RELOAD_H */
