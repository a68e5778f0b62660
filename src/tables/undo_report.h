/*
 * undo_report.h
 *		What can be undone, as a report shows it.
 */
#ifndef BCD_TABLE_UNDO_REPORT_H
#define BCD_TABLE_UNDO_REPORT_H

#include "tables/report_scope.h"

/* What can be undone of a run */
typedef struct BcdUndoShown
{
	int64		run_id;
	char	   *kind;
	TimestampTz since;			/* its first write */
	int64		created;
	int64		updated;
	int64		removed;		/* deleted, or hidden */
	int64		undone;			/* already */
	int64		all;			/* runs */
} BcdUndoShown;

extern uint64 bcd_undo_shown(const BcdScope *scope);
extern void bcd_undo_shown_row(uint64 i, BcdUndoShown *undo);

#endif							/* BCD_TABLE_UNDO_REPORT_H */
