/*
 * undo_unsent.h
 *		What items carry of the notes in bcdelta.undo, until it is sent.
 */
#ifndef BCD_UNDO_UNSENT_H
#define BCD_UNDO_UNSENT_H

#include "engine/engine.h"

extern void bcd_undo_take_over(BcdItem *item, const BcdDecision *d);
extern void bcd_undo_unsent(const BcdItem *item);
extern void bcd_undo_drop_unsent(const BcdRun *run);

#endif							/* BCD_UNDO_UNSENT_H */
