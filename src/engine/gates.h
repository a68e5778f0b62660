/*
 * gates.h
 *		The queues in which items wait for the endpoints of a resource.
 */
#ifndef BCD_GATES_H
#define BCD_GATES_H

#include "engine/engine.h"

extern void bcd_gates_aim(BcdGates *gates, const char *token);
extern void bcd_gates_join(BcdLane *lane, char *token);
extern BcdGates *bcd_run_gates(const BcdRun *run, int nth);
extern BcdLane *bcd_gates_claimant(const BcdGates *gates);
extern bool bcd_gates_exhausted(const BcdLane *lane);

#endif							/* BCD_GATES_H */
