/*
 * keyed_read.h
 *		Reads records by their addresses.
 */
#ifndef BCD_KEYED_READ_H
#define BCD_KEYED_READ_H

#include "engine/engine.h"

extern BcdJob *bcd_keyed_read_job(BcdLane *lane);

#endif							/* BCD_KEYED_READ_H */
