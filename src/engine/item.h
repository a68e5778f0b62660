/*
 * item.h
 *		Items: their life, their queues, and the decisions they carry out.
 */
#ifndef BCD_ITEM_H
#define BCD_ITEM_H

#include "engine/engine.h"

extern BcdItem *bcd_item_create(BcdLane *lane, const char *key);
extern void bcd_item_free(BcdLane *lane, BcdItem *item);
extern void bcd_item_give_up(BcdLane *lane, BcdItem *item);
extern void bcd_item_queue(BcdLane *lane, BcdItem *item, BcdStage stage);
extern BcdItem *bcd_item_pop(BcdLane *lane, BcdStage stage);
extern int	bcd_items_swept(const BcdGate *gate);
extern void bcd_record_removed(BcdItem *item);
extern bool bcd_record_was_removed(const BcdLane *lane, int64 store_id, int64 since);
extern int64 bcd_item_parent(const BcdItem *item);
extern bool bcd_went_with_parent(const BcdItem *item);
extern bool bcd_record_is_written(BcdLane *lane, int64 store_id);
extern bool bcd_record_is_leaving(BcdLane *lane, int64 store_id);
extern void bcd_item_take_over(BcdItem *item);
extern void bcd_item_move(BcdLane *lane, BcdItem *item, BcdStage from);
extern int	bcd_refused_in_a_row(int refused, const BcdDecision *d);

#endif							/* BCD_ITEM_H */
