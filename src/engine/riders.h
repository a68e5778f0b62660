/*
 * riders.h
 *		Elements that go along in the update of their record's own fields.
 */
#ifndef BCD_RIDERS_H
#define BCD_RIDERS_H

#include "engine/engine.h"

extern int	bcd_item_rides(const BcdItem *item);
extern bool bcd_has_riders(const BcdItem *item, BcdStage stage);
extern bool bcd_decision_rides(const BcdItem *item);
extern bool bcd_riders_stay(BcdItem *item, BcdStage stage, char *error);
extern Jsonb *bcd_tasks_send(const List *tasks, int most);
extern Jsonb *bcd_item_sent(const BcdItem *item, BcdStage stage);

#endif							/* BCD_RIDERS_H */
