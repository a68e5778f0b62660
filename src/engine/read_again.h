/*
 * read_again.h
 *		Items whose records were read too long ago to be written.
 */
#ifndef BCD_ENGINE_READ_AGAIN_H
#define BCD_ENGINE_READ_AGAIN_H

#include "engine/engine.h"

extern BcdJob *bcd_plan_read_again(BcdLane *lane, BcdStage stage, int n);

#endif							/* BCD_ENGINE_READ_AGAIN_H */
