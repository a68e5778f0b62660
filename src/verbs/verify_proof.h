/*
 * verify_proof.h
 *		Records what a verify has proven of a resource.
 */
#ifndef BCD_VERIFY_PROOF_H
#define BCD_VERIFY_PROOF_H

#include "engine/engine.h"

extern bool bcd_is_last_of_resource(const BcdLane *lane);
extern void bcd_verify_prove(BcdRun *run, BcdLane *last);

#endif							/* BCD_VERIFY_PROOF_H */
