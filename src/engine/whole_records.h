/*
 * whole_records.h
 *		Conflicts about records as a whole.
 */
#ifndef BCD_ENGINE_WHOLE_RECORDS_H
#define BCD_ENGINE_WHOLE_RECORDS_H

#include "engine/engine.h"

extern void bcd_gone_is_over(BcdItem *item);
extern bool bcd_gone_is_disputed(BcdItem *item);
extern bool bcd_removal_is_guarded(const BcdItem *item);
extern bool bcd_removal_is_disputed(BcdItem *item, const cJSON *record);
extern void bcd_row_is_back(BcdItem *item);

#endif							/* BCD_ENGINE_WHOLE_RECORDS_H */
