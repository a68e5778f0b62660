/*
 * sampling.h
 *		Samples of a run, for the charts of a report.
 */
#ifndef BCD_SAMPLING_H
#define BCD_SAMPLING_H

#include "engine/engine.h"

extern void bcd_sampling_begin(BcdRun *run, int64 now);
extern void bcd_sampling_look(BcdRun *run, int64 now);
extern void bcd_sampling_end(BcdRun *run, int64 now);

#endif							/* BCD_SAMPLING_H */
