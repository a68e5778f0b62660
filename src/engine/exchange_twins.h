/*
 * exchange_twins.h
 *		Items that are about to be created with the same natural key.
 */
#ifndef BCD_EXCHANGE_TWINS_H
#define BCD_EXCHANGE_TWINS_H

#include "engine/exchange_rivals.h"

extern BcdItem *bcd_twin_ahead(BcdTurns *t, const BcdItem *item);

#endif							/* BCD_EXCHANGE_TWINS_H */
