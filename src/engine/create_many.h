/*
 * create_many.h
 *		Creates that share a request, if the store does what a text promises.
 */
#ifndef BCD_CREATE_MANY_H
#define BCD_CREATE_MANY_H

#include "engine/engine.h"
#include "store/verdict.h"

extern bool bcd_awaits_promise(BcdLane *lane, BcdStage stage, const BcdItem *item);
extern bool bcd_create_singly(BcdJob *job, BcdVerdict verdict, char *text);
extern bool bcd_create_is_unfaithful(const BcdJob *job, BcdItem *item, const cJSON *record);
extern bool bcd_look_for_unnamed(BcdJob *job, BcdItem *item);
extern void bcd_learn_promise(const BcdJob *job);

#endif							/* BCD_CREATE_MANY_H */
