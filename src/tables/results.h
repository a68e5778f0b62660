/*
 * results.h
 *		Every statement on bcdelta.run, result, discrepancy, and the state
 *		of feeds.
 */
#ifndef BCD_RESULTS_H
#define BCD_RESULTS_H

#include "engine/engine.h"

/* A run as asked for; empty or NULL: not given */
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
} BcdRunRequest;

extern int64 bcd_run_insert(const BcdRunRequest *request);
extern void bcd_run_started(BcdRun *run);
extern void bcd_run_update(BcdRun *run, const char *state);
extern bool bcd_run_fail(int64 run_id, const char *state, const char *error);
extern void bcd_run_recover(void);
extern bool bcd_run_read(int64 run_id, BcdRunRequest *request);
extern void bcd_results_insert(BcdLane *lane, BcdItem **items, int n);
extern void bcd_results_interrupted(void);
extern void bcd_discrepancy_insert(BcdLane *lane, const char *key, int64 store_id,
								   const char *kind, const char *field,
								   const char *source_value, const char *store_value);
extern List *bcd_feeds_of(const char *server, const char *feed);
extern char *bcd_feed_halted(int32 feed_id);
extern bool bcd_feed_is_altered(const BcdFeed *feed);
extern void bcd_feed_pause(const char *feed, const char *reason);
extern void bcd_disown(void);
extern int64 bcd_results_prune(int days, int limit);

#endif							/* BCD_RESULTS_H */
