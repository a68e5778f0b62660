/*
 * exchange_order.h
 *		The order in which natural keys become free.
 */
#ifndef BCD_EXCHANGE_ORDER_H
#define BCD_EXCHANGE_ORDER_H

#include "engine/exchange_rivals.h"

extern void bcd_put_in_order(BcdTurns *t);

#endif							/* BCD_EXCHANGE_ORDER_H */
