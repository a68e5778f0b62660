/*
 * siblings.h
 *		Records that are listed by their parents only.
 */
#ifndef BCD_SIBLINGS_H
#define BCD_SIBLINGS_H

#include "engine/engine.h"

extern BcdJob *bcd_plan_siblings(BcdLane *lane, BcdStage stage);

#endif							/* BCD_SIBLINGS_H */
