/*
 * prune.c
 *		Removes what is kept for a limited time: results, and what rollbacks need.
 */
#include "postgres.h"

#include "base/db.h"
#include "base/guc.h"
#include "tables/result.h"
#include "tables/rollback_field.h"
#include "tables/undo.h"
#include "worker/prune.h"

/* Rows removed at a time, and how often it is looked for some */
#define PRUNE_ROWS			10000
#define PRUNE_INTERVAL_MS	(600 * 1000)

static int64 prune_at = 0;

/* Removes some of the rows whose time is over, if it is time; now: monotonic ms. */
void
bcd_prune(int64 now)
{
	int64		n = 0;

	if (now < prune_at)
		return;
	bcd_tx_begin();
	if (bcd_result_retention > 0)
	{
		n = bcd_results_prune(bcd_result_retention, PRUNE_ROWS);
		n = Max(n, bcd_rollback_fields_prune(bcd_result_retention, PRUNE_ROWS));
	}
	n = Max(n, bcd_undo_prune(bcd_undo_retention, PRUNE_ROWS));
	bcd_tx_commit();
	prune_at = n < PRUNE_ROWS ? now + PRUNE_INTERVAL_MS : now;
}
