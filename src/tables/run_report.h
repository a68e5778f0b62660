/*
 * run_report.h
 *		Runs, as a report shows them.
 */
#ifndef BCD_TABLE_RUN_REPORT_H
#define BCD_TABLE_RUN_REPORT_H

#include "tables/report_scope.h"
#include "tables/run.h"

/* A run */
typedef struct BcdRunShown
{
	int64		run_id;
	char	   *kind;
	char	   *feed;			/* NULL: all feeds of the server */
	char	   *state;
	char	   *mode;
	char	   *schedule;
	char	   *by;				/* the role that asked for it */
	TimestampTz started_at;		/* -infinity: it has not */
	TimestampTz finished_at;	/* -infinity: it has not */
	char	   *error;
	char	   *warning;
	bool		preview;		/* a rollback that only looks */
	BcdRunCounts counts;
	char	   *server;
} BcdRunShown;

/* The runs of a period */
typedef struct BcdRunsTotal
{
	int64		runs;
	int64		failed;
	double		seconds;		/* how long they took together */
	BcdRunCounts counts;		/* of pushes and rollbacks; calls: of all */
} BcdRunsTotal;

/* Runs that ended about the same time */
typedef struct BcdRunMark
{
	TimestampTz at;
	int64		runs;
	int64		failed;
	int64		run_id;			/* the last of them */
} BcdRunMark;

/* A run that is going on */
typedef struct BcdRunGoing
{
	char	   *kind;
	int64		done;			/* rows */
	int64		total;			/* all that are known so far; 0: not known */
	double		low;			/* seconds that are left, at least and */
	double		high;			/* at most; below 0: not known */
	char	   *waiting_for;	/* "nothing", or what it waits for */
	bool		paused;			/* until the next hours of its schedule */
} BcdRunGoing;

extern bool bcd_run_going(const BcdScope *scope, BcdRunGoing *going);
extern bool bcd_run_shown(int64 run_id, BcdRunShown *run);
extern void bcd_runs_total(const BcdScope *scope, BcdRunsTotal *total);
extern uint64 bcd_runs_shown(const BcdScope *scope);
extern void bcd_runs_shown_row(uint64 i, BcdRunShown *run);
extern uint64 bcd_runs_marks(const BcdScope *scope);
extern void bcd_runs_marks_row(uint64 i, BcdRunMark *mark);

#endif							/* BCD_TABLE_RUN_REPORT_H */
