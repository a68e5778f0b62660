/*
 * exchange_records.h
 *		Rows that exchange their natural keys exchange their records.
 */
#ifndef BCD_EXCHANGE_RECORDS_H
#define BCD_EXCHANGE_RECORDS_H

#include "engine/exchange_rivals.h"

extern void bcd_exchange(BcdTurns *t);

#endif							/* BCD_EXCHANGE_RECORDS_H */
