/*
 * deferred.h
 *		Rows whose reference somebody else than a run has linked.
 */
#ifndef BCD_DEFERRED_H
#define BCD_DEFERRED_H

#include "engine/engine.h"

extern int64 bcd_deferred_wake(BcdRun *run);

#endif							/* BCD_DEFERRED_H */
