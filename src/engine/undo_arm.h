/*
 * undo_arm.h
 *		Notes what records hold before they are written, so that it can be
 *		undone.
 */
#ifndef BCD_UNDO_ARM_H
#define BCD_UNDO_ARM_H

#include "engine/engine.h"

extern bool bcd_undo_reads_first(const BcdItem *item, List *tasks);
extern void bcd_undo_decided(BcdRun *run, BcdItem **items, int n);
extern bool bcd_undo_announce(BcdJob *job);

#endif							/* BCD_UNDO_ARM_H */
