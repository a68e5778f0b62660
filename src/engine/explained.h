/*
 * explained.h
 *		Differences that a conflict explains.
 */
#ifndef BCD_ENGINE_EXPLAINED_H
#define BCD_ENGINE_EXPLAINED_H

#include "engine/engine.h"

extern char *bcd_explained(const BcdItem *item, const char *name, const cJSON *record);

#endif							/* BCD_ENGINE_EXPLAINED_H */
