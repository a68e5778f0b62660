/*
 * plan_task.h
 *		The tasks of an item as the next request carries them out.
 */
#ifndef BCD_PLAN_TASK_H
#define BCD_PLAN_TASK_H

#include "engine/engine.h"
#include "payload/task.h"

extern BcdTask *bcd_first_task(const BcdItem *item, BcdStage stage);
extern int	bcd_add_tasks(BcdItem *item, BcdStage stage, BcdTask **tasks, int n, int most);

#endif							/* BCD_PLAN_TASK_H */
