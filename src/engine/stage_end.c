/*
 * stage_end.c
 *		Whether more items will come to a stage: as long as they may, only full
 *		batches are sent.
 */
#include "postgres.h"

#include "engine/collections.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/stage.h"
#include "engine/stage_end.h"
#include "feed/feed.h"
#include "resource/resource.h"

/* Is no item in a stage? */
bool
bcd_stage_is_idle(const BcdLane *lane, BcdStage stage)
{
	return lane->gates->gate[stage].queued == 0 && lane->gates->gate[stage].flying == 0;
}

/*
 * Are records removed only after all others are written?  A removal may take
 * along child records that are about to be moved elsewhere
 * (removal_children.c).  And if several feeds share gates, nothing is removed
 * for a feed whose writes are refused.
 */
bool
bcd_rechecks_last(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	bool		deletes = false;
	int			lanes = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == lane->gates)
		{
			deletes |= run->lanes[i]->feed->on_delete == BCD_DELETE_DELETE;
			lanes++;
		}
	return deletes && (bcd_resource_is_own_parent(lane->feed->resource) || lanes > 1);
}

/* Will nothing more come to later stages of this lane than is queued there? */
static bool
plan_flushes(const BcdLane *lane)
{
	return bcd_gates_exhausted(lane) && bcd_stage_is_idle(lane, BCD_LOOKUP) && bcd_stage_is_idle(lane, BCD_READ) && bcd_stage_is_idle(lane, BCD_BELOW) &&
		(bcd_stage_is_idle(lane, BCD_RECHECK) || bcd_rechecks_last(lane));
}

/*
 * Will no more items come from the writes of records themselves?  Items whose
 * turn does not come while nothing is under way may wait for rows whose facets
 * are still to be written.
 */
static bool
writes_are_idle(const BcdLane *lane)
{
	return (bcd_stage_is_idle(lane, BCD_TURN) || lane->gates->in_flight == 0) && bcd_stage_is_idle(lane, BCD_UPDATE) && bcd_stage_is_idle(lane, BCD_CREATE);
}

/* Will no more items come to a stage that reads? New records may be read, too. */
static bool
reads_flush(const BcdLane *lane)
{
	return lane->exhausted && (bcd_stage_is_idle(lane, BCD_CREATE) || !bcd_reads_created(lane));
}

/* Will no more items come to a stage than are queued there? */
bool
bcd_stage_is_exhausted(const BcdLane *lane, BcdStage stage)
{
	if (lane->gates->gate[stage].reads)
		return reads_flush(lane);
	if (bcd_stage_is_together(lane->gates->resource, stage) && !bcd_stage_is_idle(lane, bcd_stage_of_removals(stage)))
		return false;
	return plan_flushes(lane) && (!BCD_IS_FACET(stage) || writes_are_idle(lane));
}
