/*
 * siblings.h
 *		Records that can only be listed by parent, such as the variants of
 *		products.
 */
#ifndef BCD_SIBLINGS_H
#define BCD_SIBLINGS_H

#include "engine/engine.h"

extern BcdJob *bcd_plan_siblings(BcdLane *lane, BcdStage stage);

#endif							/* BCD_SIBLINGS_H */
