/*
 * left_alone.h
 *		Adjusted fields in a push: what the store holds is meant.
 */
#ifndef BCD_LEFT_ALONE_H
#define BCD_LEFT_ALONE_H

#include "engine/engine.h"

extern void bcd_item_wants_row(BcdItem *item, BcdRow *row);
extern Jsonb *bcd_item_adopts(BcdItem *item, Jsonb *known);
extern bool bcd_item_is_held(BcdItem *item, const BcdRow *row);

#endif							/* BCD_LEFT_ALONE_H */
