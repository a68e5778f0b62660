/*
 * item_tasks.h
 *		What an item's record needs to agree with its row.
 */
#ifndef BCD_ITEM_TASKS_H
#define BCD_ITEM_TASKS_H

#include "engine/engine.h"

extern List *bcd_item_tasks(const BcdItem *item);

#endif							/* BCD_ITEM_TASKS_H */
