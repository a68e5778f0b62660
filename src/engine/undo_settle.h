/*
 * undo_settle.h
 *		What becomes of writes that were noted in bcdelta.undo.
 */
#ifndef BCD_UNDO_SETTLE_H
#define BCD_UNDO_SETTLE_H

#include "engine/engine.h"

extern void bcd_undo_settle(BcdJob *job);

#endif							/* BCD_UNDO_SETTLE_H */
