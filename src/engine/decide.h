/*
 * decide.h
 *		Decisions: what will become of an item.
 */
#ifndef BCD_DECIDE_H
#define BCD_DECIDE_H

#include "engine/engine.h"

/*
 * Returns the id of the record that the item will have after its decision, or
 * 0.
 */
static inline int64
bcd_store_id_after(const BcdItem *item)
{
	return item->decision.has_record ? item->decision.record.store_id : item->store_id;
}

extern void bcd_decide_done(BcdItem *item, BcdOutcome outcome, BcdLinkAction link);
extern void bcd_decide_failed(BcdItem *item, BcdOutcome outcome, char *error);
extern void bcd_decide_refused(BcdItem *item, char *text);
extern void bcd_decide_taken_by(BcdItem *item, int64 store_id, const BcdItem *other);
extern void bcd_decide_taken(BcdItem *item, int64 store_id, const char *other);
extern void bcd_decide_wait(BcdItem *item, int64 delay_ms, char *error);
extern void bcd_decide_hidden(BcdItem *item);
extern void bcd_decide_anew(BcdItem *item);
extern BcdItemRecord *bcd_decide_record(BcdItem *item);
extern BcdItemRecord bcd_record_after(const BcdItem *item);
extern void bcd_decide_stage(BcdItem *item, BcdStage stage);
extern bool bcd_is_created_silently(const BcdItem *item);
extern int	bcd_item_group(const BcdLane *lane, int attempts);
extern int	bcd_claimed_group(const BcdItem *item);

#endif							/* BCD_DECIDE_H */
