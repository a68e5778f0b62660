/*
 * keyed_refused.h
 *		Records without an id that a push has read.
 */
#ifndef BCD_KEYED_REFUSED_H
#define BCD_KEYED_REFUSED_H

#include "engine/engine.h"

extern void bcd_keyed_was_read(BcdItem *item, const cJSON *record);

#endif							/* BCD_KEYED_REFUSED_H */
