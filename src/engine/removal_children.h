/*
 * removal_children.h
 *		Children of a record that is about to be removed.
 */
#ifndef BCD_REMOVAL_CHILDREN_H
#define BCD_REMOVAL_CHILDREN_H

#include "engine/engine.h"

extern void bcd_wait_for_below(BcdJob *job);

#endif							/* BCD_REMOVAL_CHILDREN_H */
