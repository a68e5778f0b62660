/*
 * elements_inside.h
 *		Elements inside the elements of a collection.
 */
#ifndef BCD_ELEMENTS_INSIDE_H
#define BCD_ELEMENTS_INSIDE_H

#include "nodes/pg_list.h"

#include "engine/engine.h"

extern List *bcd_tasks_inside(const BcdItem *item, BcdStage stage, List *tasks, bool *unread);

#endif							/* BCD_ELEMENTS_INSIDE_H */
