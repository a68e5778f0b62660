/*
 * lost_create.h
 *		Finds records made by a create whose reply was lost.
 */
#ifndef BCD_LOST_CREATE_H
#define BCD_LOST_CREATE_H

#include "engine/engine.h"

extern bool bcd_look_for_lost_create(BcdItem *item);
extern void bcd_decide_accepted(BcdItem *item);
extern bool bcd_awaits_record(BcdItem *item);
extern bool bcd_awaits_twin(BcdItem *item, const char *refusal);
extern bool bcd_found_own_create(const BcdItem *item);
extern bool bcd_takes_elements(BcdItem *item, int64 store_id);
extern void bcd_seek_note(BcdItem *item);
extern void bcd_intents_record(BcdLane *lane, BcdItem **items, int n, BcdStage stage);

#endif							/* BCD_LOST_CREATE_H */
