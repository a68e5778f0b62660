/*
 * queue.h
 *		Makes items of rows of bcdelta.pending and bcdelta.link.
 */
#ifndef BCD_QUEUE_H
#define BCD_QUEUE_H

#include "engine/engine.h"

extern List *bcd_queue_select(BcdLane *lane, int64 limit, MemoryContext cxt);
extern void bcd_queue_take(List *items);
extern void bcd_queue_claimed(BcdLane *lane, const char *last_key);
extern List *bcd_queue_links(BcdLane *lane, bool sample, int64 limit, MemoryContext cxt);
extern List *bcd_item_keys(List *items);
extern void bcd_queue_links_of(BcdLane *lane, List *items);
extern void bcd_queue_link_of(BcdLane *lane, BcdItem *item);
extern void bcd_queue_recover(const BcdRun *run);
extern void bcd_queue_release(BcdRun *run);
extern int64 bcd_queue_wake(BcdRun *run, int64 *next_ms);
extern bool bcd_queue_has_ready(BcdRun *run);
extern int64 bcd_queue_count(BcdRun *run, const char *state);
extern int64 bcd_queue_count_old(BcdRun *run, int64 most);

#endif							/* BCD_QUEUE_H */
