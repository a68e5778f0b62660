/*
 * parts.h
 *		Outcomes of the requests for a row that is written through several
 *		endpoints.
 */
#ifndef BCD_ENGINE_PARTS_H
#define BCD_ENGINE_PARTS_H

#include "engine/engine.h"

extern bool bcd_has_part(const BcdItem *item, BcdOutcome outcome);
#define bcd_was_created(item)	bcd_has_part(item, BCD_CREATED)
extern void bcd_note_riders(BcdItem *item);
extern void bcd_item_keep_part(BcdItem *item, const BcdDecision *d);
extern char *bcd_item_parts(const BcdItem *item);

#endif							/* BCD_ENGINE_PARTS_H */
