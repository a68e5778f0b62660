/*
 * order.h
 *		The order in which natural keys become free.
 */
#ifndef BCD_ORDER_H
#define BCD_ORDER_H

#include "rivals.h"

extern void bcd_put_in_order(BcdTurns *t);

#endif							/* BCD_ORDER_H */
