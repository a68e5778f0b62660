/*
 * run.h
 *		bcdelta.run: runs, from the request to the end.
 */
#ifndef BCD_TABLE_RUN_H
#define BCD_TABLE_RUN_H

#include "utils/array.h"
#include "utils/jsonb.h"

/* The request for a run; empty or NULL means that a value is not given */
typedef struct BcdRunRequest
{
	const char *kind;
	const char *feed;
	const char *server;
	Oid			role;
	const char *schedule;
	const char *mode;
	int			sample;
	int64		max_rows;
	bool		waited;
	ArrayType  *only;			/* text[]: what a verify is limited to, keys
								 * or a condition */
	Jsonb	   *rollback;		/* what a rollback is to undo, and how */
} BcdRunRequest;

/* Its totals */
typedef struct BcdRunCounts
{
	int64		created;
	int64		updated;
	int64		deleted;
	int64		hidden;
	int64		linked;
	int64		unchanged;
	int64		deferred;
	int64		conflicts;
	int64		failed;
	int64		api_calls;
	int64		throttled;
} BcdRunCounts;

/* A run, as sessions see it */
typedef struct BcdRunRow
{
	Datum		row;			/* as a value of type bcdelta.run */
	char	   *state;
	char	   *error;
	char	   *server;
} BcdRunRow;

/* The runs, from the given one on, that ended at least $1 days ago */
#define BCD_ENDED_RUNS(first) \
	"SELECT run_id FROM bcdelta.run WHERE run_id >= (" first ") AND finished_at < now() - $1 * interval '1 day'"

extern int64 bcd_run_insert(const BcdRunRequest *request);
extern void bcd_run_started(int64 run_id, BcdRunCounts *counts);
extern int64 bcd_run_rows_done(const BcdRunCounts *counts);
extern void bcd_run_update(int64 run_id, const char *state, const char *error, const char *warning,
						   const BcdRunCounts *counts);
extern bool bcd_run_fail(int64 run_id, const char *state, const char *error);
extern void bcd_run_recover(void);
extern bool bcd_run_wrote(int64 run_id);
extern int64 bcd_runs_prune(int days, int limit);
extern int64 bcd_runs_prune_immediate(int days, int limit);
extern bool bcd_run_read(int64 run_id, BcdRunRequest *request);
extern bool bcd_run_read_newest(int64 run_id, BcdRunRow *run);
extern int64 bcd_runs_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_RUN_H */
