/*
 * keyed.h
 *		Rows whose records have no id, but an address.
 */
#ifndef BCD_KEYED_H
#define BCD_KEYED_H

#include "engine/engine.h"
#include "store/verdict.h"

extern bool bcd_is_keyed(const BcdItem *item);
extern char *bcd_item_address(const BcdItem *item);
extern char *bcd_linked_address(const BcdItem *item);
extern char *bcd_linked_address_after(const BcdItem *item);
extern char *bcd_keyed_owner(const BcdItem *item);
extern char *bcd_keyed_owner_elsewhere(const BcdItem *item);
extern void bcd_keyed_twins(BcdJob *job);
extern char *bcd_keyed_moves(const BcdItem *item);
extern void bcd_keyed_wants(BcdItem *item, List *tasks);
extern void bcd_decide_removed(BcdItem *item);
extern bool bcd_refusal_may_mean_gone(const BcdJob *job);
extern BcdVerdict bcd_keyed_verdict(const BcdJob *job, BcdVerdict verdict);
extern void bcd_keyed_turns(BcdJob *job, const cJSON *reply);

#endif							/* BCD_KEYED_H */
