/*
 * stage.c
 *		The stages of items, and which of them an item may go on to.
 *
 * README.md has the same table, with who makes each transition and what is
 * committed then; test/stages compares the two.
 */
#include "postgres.h"

#include "engine/engine.h"
#include "engine/stage.h"

#define TO(stage)	(1 << (BCD_##stage))

/* An item may leave the run from any stage. */
static const struct
{
	const char *name;
	uint32		next;
}			stages[] = {
	[BCD_CLAIM] = {"CLAIM", TO(LOOKUP) | TO(READ) | TO(RECHECK) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_LOOKUP] = {"LOOKUP", TO(LOOKUP) | TO(READ) | TO(RECHECK) | TO(TURN) | TO(UPDATE) | TO(FACET)},
	[BCD_READ] = {"READ", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(UPDATE) | TO(FACET)},
	[BCD_RECHECK] = {"RECHECK", TO(UPDATE) | TO(REMOVE)},
	[BCD_TURN] = {"TURN", TO(LOOKUP) | TO(TURN) | TO(CREATE) | TO(UPDATE) | TO(FACET)},
	[BCD_CREATE] = {"CREATE", TO(LOOKUP) | TO(CREATE) | TO(FACET)},
	[BCD_UPDATE] = {"UPDATE", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(UPDATE) | TO(FACET)},
	[BCD_REMOVE] = {"REMOVE", TO(READ) | TO(TURN) | TO(UPDATE) | TO(REMOVE)},
	[BCD_FACET] = {"FACET", TO(READ) | TO(UPDATE) | TO(FACET)},
};

/* All facets but the first have the same transitions. */
static BcdStage
kind_of(BcdStage stage)
{
	return bcd_stage_is_facet(stage) ? BCD_FACET : stage;
}

/* Is it the stage of a facet other than the first? */
bool
bcd_stage_is_facet(BcdStage stage)
{
	return stage >= BCD_FACET && stage < BCD_STAGES;
}

/* The stage of a task. */
BcdStage
bcd_stage_of(const BcdTask *task)
{
	if (task->action == &task->facet->remove)
		return BCD_REMOVE;
	Assert(task->action == &task->facet->update);
	return task->facet == task->resource->facets ? BCD_UPDATE :
		BCD_FACET + (task->facet - task->resource->facets) - 1;
}

/* Do the requests of a stage change the store? */
bool
bcd_stage_writes(BcdStage stage)
{
	return stage == BCD_CREATE || stage == BCD_UPDATE || stage == BCD_REMOVE || bcd_stage_is_facet(stage);
}

/* Do they ask it for records?  Those of the other stages are none. */
bool
bcd_stage_reads(BcdStage stage)
{
	return stage == BCD_LOOKUP || stage == BCD_READ;
}

/* May an item go on from one stage to another? */
bool
bcd_stage_may_follow(BcdStage from, BcdStage to)
{
	return to < BCD_STAGES && (stages[kind_of(from)].next & (1 << kind_of(to))) != 0;
}

const char *
bcd_stage_name(BcdStage stage)
{
	return stages[kind_of(stage)].name;
}

/* The action that the writes of a stage are for. */
const BcdAction *
bcd_stage_action(const BcdResource *resource, BcdStage stage)
{
	const BcdFacet *facet = resource->facets;

	Assert(bcd_stage_writes(stage));
	if (bcd_stage_is_facet(stage))
		return &facet[stage - BCD_FACET + 1].update;
	return stage == BCD_CREATE ? &facet->create :
		stage == BCD_UPDATE ? &facet->update : &facet->remove;
}

/*
 * Where the requests of a stage go; reads of all stages go to the list of
 * records.  NULL: it makes none.
 */
const BcdEndpoint *
bcd_stage_endpoint(const BcdResource *resource, BcdStage stage)
{
	if (bcd_stage_is_facet(stage) && stage - BCD_FACET + 1 >= resource->nfacets)
		return NULL;
	if (bcd_stage_writes(stage))
		return bcd_stage_action(resource, stage)->endpoint;
	return resource->list.endpoint ? resource->list.endpoint : resource->view.endpoint;
}
