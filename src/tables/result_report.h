/*
 * result_report.h
 *		Outcomes of rows, as a report shows them.
 */
#ifndef BCD_TABLE_RESULT_REPORT_H
#define BCD_TABLE_RESULT_REPORT_H

#include "tables/report_scope.h"

/* The outcomes of the rows of a resource */
typedef struct BcdOutcomes
{
	char	   *resource;		/* NULL: its feeds are no longer there */
	char	   *feeds;			/* their names */
	int64		created;
	int64		updated;
	int64		deleted;		/* or hidden */
	int64		same;			/* linked, or unchanged */
	int64		refused;		/* failed, or invalid */
	int64		later;			/* deferred, or tried again */
} BcdOutcomes;

/* What became of rows of a run within some time */
typedef struct BcdDone
{
	TimestampTz from;
	TimestampTz to;
	int64		done;
	int64		refused;
	int64		later;			/* deferred, or tried again */
} BcdDone;

/* The time of a run is divided into so many parts */
#define BCD_DONE_PARTS	60

extern uint64 bcd_done(const BcdScope *scope);
extern void bcd_done_row(uint64 i, const BcdScope *scope, BcdDone *done);
extern uint64 bcd_outcomes(const BcdScope *scope);
extern void bcd_outcomes_row(uint64 i, BcdOutcomes *outcomes);

#endif							/* BCD_TABLE_RESULT_REPORT_H */
