/*
 * replace.h
 *		Rows whose records cannot follow them.
 */
#ifndef BCD_REPLACE_H
#define BCD_REPLACE_H

#include "nodes/pg_list.h"

struct BcdItem;

extern bool bcd_item_is_replaced(struct BcdItem *item, const BcdItemRecord *record, List *tasks);
extern void bcd_decide_after_removal(struct BcdItem *item);
extern bool bcd_item_is_out_of_reach(const BcdItem *item);
extern void bcd_decide_within_reach(BcdItem *item, const cJSON *record);

#endif							/* BCD_REPLACE_H */
