/*
 * exchange_elsewhere.h
 *		Circles of natural keys through rows that are pushed with other
 *		tokens.
 */
#ifndef BCD_EXCHANGE_ELSEWHERE_H
#define BCD_EXCHANGE_ELSEWHERE_H

#include "engine/exchange_rivals.h"

extern void bcd_find_circles_elsewhere(BcdTurns *t);
extern int	bcd_fields_left(const BcdUnit *unit, const char **fields);

#endif							/* BCD_EXCHANGE_ELSEWHERE_H */
