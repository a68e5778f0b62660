/*
 * prune.c
 *		Removes what is kept for a limited time: results, differences, conflicts
 *		that are over, runs, events, samples, and what rollbacks need.
 */
#include "postgres.h"

#include "base/db.h"
#include "base/guc.h"
#include "tables/conflict.h"
#include "tables/discrepancy.h"
#include "tables/event.h"
#include "tables/preflight_reply.h"
#include "tables/result.h"
#include "tables/rollback_field.h"
#include "tables/run.h"
#include "tables/sample.h"
#include "tables/undo.h"
#include "worker/prune.h"

/* Rows removed at a time, and how often it is looked for some */
#define PRUNE_ROWS			10000
#define PRUNE_INTERVAL_MS	(600 * 1000)

/* Runs are kept so many times as long as their results: a year */
#define RUN_RETENTION		12

/* Days that samples are kept */
#define SAMPLE_RETENTION	90

static int64 prune_at = 0;

/*
 * Removes some of the results whose time is over, and runs; returns the number
 * of rows of the table that had most.
 */
static int64
prune_results(void)
{
	int64		n = bcd_results_prune(bcd_result_retention, PRUNE_ROWS);

	n = Max(n, bcd_rollback_fields_prune(bcd_result_retention, PRUNE_ROWS));
	n = Max(n, bcd_discrepancies_prune(bcd_result_retention, PRUNE_ROWS));
	n = Max(n, bcd_preflight_prune(bcd_result_retention, PRUNE_ROWS));
	n = Max(n, bcd_conflicts_prune(bcd_result_retention, PRUNE_ROWS));
	n = Max(n, bcd_runs_prune_immediate(bcd_result_retention, PRUNE_ROWS));
	return Max(n, bcd_runs_prune(bcd_result_retention * RUN_RETENTION, PRUNE_ROWS));
}

/* Removes some of the rows whose time is over, if it is time; now: monotonic ms. */
void
bcd_prune(int64 now)
{
	int64		n = 0;

	if (now < prune_at)
		return;
	bcd_tx_begin();
	if (bcd_result_retention > 0)
		n = prune_results();
	n = Max(n, bcd_events_prune(bcd_event_retention, PRUNE_ROWS));
	n = Max(n, bcd_samples_prune(SAMPLE_RETENTION, PRUNE_ROWS));
	n = Max(n, bcd_undo_prune(bcd_undo_retention, PRUNE_ROWS));
	bcd_tx_commit();
	prune_at = n < PRUNE_ROWS ? now + PRUNE_INTERVAL_MS : now;
}

/* The settings may have changed. */
void
bcd_prune_soon(void)
{
	prune_at = 0;
}
