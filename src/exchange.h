/*
 * exchange.h
 *		Rows that exchange their natural keys exchange their records.
 */
#ifndef BCD_EXCHANGE_H
#define BCD_EXCHANGE_H

#include "rivals.h"

extern void bcd_exchange(BcdTurns *t);

#endif							/* BCD_EXCHANGE_H */
