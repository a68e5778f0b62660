/*
 * item_record.h
 *		Writes the decisions on items to bcdelta.link, pending and result.
 */
#ifndef BCD_ITEM_RECORD_H
#define BCD_ITEM_RECORD_H

#include "engine/engine.h"

extern void bcd_items_record(BcdItem **items, int n, BcdStage stage);

#endif							/* BCD_ITEM_RECORD_H */
