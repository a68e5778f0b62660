/*
 * item_wants.h
 *		Decides what an item needs next: a look-up, a create or an update.
 */
#ifndef BCD_ITEM_WANTS_H
#define BCD_ITEM_WANTS_H

#include "engine/engine.h"

extern void bcd_item_wants_record(BcdItem *item);
extern void bcd_item_wants_create(BcdItem *item);
extern void bcd_item_wants_tasks(BcdItem *item, List *tasks);
extern void bcd_item_wants_write(BcdItem *item, bool was_read);

#endif							/* BCD_ITEM_WANTS_H */
