/*
 * counts.c
 *		Keeps the tables short in which things are counted, and takes samples of
 *		the counts.
 */
#include "postgres.h"

#include "lib/ilist.h"

#include "base/db.h"
#include "engine/engine.h"
#include "tables/sample.h"
#include "tables/tally.h"
#include "tables/total.h"
#include "worker/counts.h"

static bool counted = false;	/* bcdelta.tally is known to be correct */

/* The tables are others than before. */
void
bcd_counts_forget(void)
{
	counted = false;
}

/* Counts everything once, when the worker has nothing else to do. */
void
bcd_counts_look(void)
{
	bcd_tx_begin();
	bcd_tx_async();
	if (!counted && dlist_is_empty(&bcd_engine.runs))
	{
		bcd_tally_mend();
		counted = true;
	}
	bcd_tally_fold();
	bcd_total_fold();
	bcd_samples_idle();
	bcd_tx_commit();
}
