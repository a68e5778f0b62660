/*
 * deferred.h
 *		Rows whose reference was linked by someone other than a run.
 */
#ifndef BCD_DEFERRED_H
#define BCD_DEFERRED_H

#include "engine/engine.h"

extern int64 bcd_deferred_wake(BcdRun *run);

#endif							/* BCD_DEFERRED_H */
