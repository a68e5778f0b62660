/*
 * stage.c
 *		The stages of items, and the transitions between them.
 *
 * README.md has the same table, with the functions that make each transition
 * and what is then committed; test/stages compares the two.
 */
#include "postgres.h"

#include "engine/engine.h"
#include "engine/stage.h"
#include "resource/resource.h"

#define TO(stage)	(1 << (BCD_##stage))

/* An item may leave the run from any stage. */
static const struct
{
	const char *name;
	uint32		next;
}			stages[] = {
	[BCD_CLAIM] = {"CLAIM", TO(LOOKUP) | TO(READ) | TO(RECHECK) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_LOOKUP] = {"LOOKUP", TO(LOOKUP) | TO(READ) | TO(RECHECK) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_READ] = {"READ", TO(LOOKUP) | TO(READ) | TO(BELOW) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_BELOW] = {"BELOW", TO(LOOKUP) | TO(READ) | TO(BELOW) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_RECHECK] = {"RECHECK", TO(READ) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_TURN] = {"TURN", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(CREATE) | TO(UPDATE) | TO(FACET)},
	[BCD_CREATE] = {"CREATE", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(CREATE) | TO(FACET)},
	[BCD_UPDATE] = {"UPDATE", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(UPDATE) | TO(FACET)},
	[BCD_REMOVE] = {"REMOVE", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(UPDATE) | TO(REMOVE) | TO(FACET)},
	[BCD_FACET] = {"FACET", TO(LOOKUP) | TO(READ) | TO(TURN) | TO(UPDATE) | TO(FACET)},
};

/* All facets but the first have the same transitions. */
static BcdStage
kind_of(BcdStage stage)
{
	return BCD_IS_FACET(stage) ? BCD_FACET : stage;
}

/*
 * Each facet other than the first has a stage for its updates, and, if it is a
 * collection, for fields of elements that are updated alone, for elements that
 * are added, for those that are removed, and for those that are written by an
 * update of their record.
 */
enum
{
	UPDATES,
	SINGLES,
	ADDITIONS,
	REMOVALS,
	TOGETHER,
	STAGES_OF_FACET
};

StaticAssertDecl(BCD_STAGES == BCD_FACET + STAGES_OF_FACET * (BCD_MAX_FACETS - 1), "stages of facets are miscounted");

/* The number of the facet that a stage writes; 0: the first, or none. */
int
bcd_stage_nth_facet(BcdStage stage)
{
	return BCD_IS_FACET(stage) ? (stage - BCD_FACET) / STAGES_OF_FACET + 1 : 0;
}

/* The stage for updates of the nth facet, and the first of its stages. */
BcdStage
bcd_stage_of_facet(int nth)
{
	return nth == 0 ? BCD_UPDATE : BCD_FACET + (nth - 1) * STAGES_OF_FACET + UPDATES;
}

/* The stage of a task other than the creation or removal of a record. */
BcdStage
bcd_stage_of(const BcdTask *task)
{
	const BcdFacet *facet = task->facet;
	BcdStage	stage = bcd_stage_of_facet(facet - task->resource->facets);

	if (stage == BCD_UPDATE && task->action == &facet->remove)
		return BCD_REMOVE;
	Assert(stage != BCD_UPDATE || task->action == &facet->update);
	return stage + (task->action == &facet->create ? ADDITIONS : task->action == &facet->remove ? REMOVALS :
					task->action == &facet->alone ? SINGLES : task->action == &facet->together ? TOGETHER : UPDATES);
}

/*
 * The stage from which items come to one that writes elements together: they are
 * removed first.
 */
BcdStage
bcd_stage_of_removals(BcdStage together)
{
	return together - TOGETHER + REMOVALS;
}

/* The stage whose requests change the natural keys of records that exist. */
BcdStage
bcd_stage_of_keys(const BcdResource *resource)
{
	const char *key = bcd_resource_key(resource, 0);
	const BcdField *field = key ? bcd_resource_field(resource, key) : NULL;

	/* a key that is made of several fields is none itself */
	return field == NULL ? BCD_UPDATE : bcd_stage_of_facet(bcd_resource_facet_of(resource, field) - resource->facets);
}

/* Do the requests of a stage change the store? */
bool
bcd_stage_writes(BcdStage stage)
{
	return stage == BCD_CREATE || stage == BCD_UPDATE || stage == BCD_REMOVE || BCD_IS_FACET(stage);
}

/* Do they read records?  Requests of the remaining stages do neither. */
bool
bcd_stage_reads(BcdStage stage)
{
	return stage == BCD_LOOKUP || stage == BCD_READ || stage == BCD_BELOW;
}

/* May an item move from one stage to another? */
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

/* Returns the action of a stage that writes. */
const BcdAction *
bcd_stage_action(const BcdResource *resource, BcdStage stage)
{
	const BcdFacet *facet = resource->facets;

	Assert(bcd_stage_writes(stage));
	if (BCD_IS_FACET(stage))
	{
		int			kind = (stage - BCD_FACET) % STAGES_OF_FACET;

		facet += bcd_stage_nth_facet(stage);
		return kind == ADDITIONS ? &facet->create : kind == REMOVALS ? &facet->remove :
			kind == SINGLES ? &facet->alone : kind == TOGETHER ? &facet->together : &facet->update;
	}
	return stage == BCD_CREATE ? &facet->create :
		stage == BCD_UPDATE ? &facet->update : &facet->remove;
}

/* Do the requests of a stage write elements by updates of their records? */
bool
bcd_stage_is_together(const BcdResource *resource, BcdStage stage)
{
	return BCD_IS_FACET(stage) && bcd_stage_nth_facet(stage) < resource->nfacets &&
		bcd_stage_action(resource, stage) == &resource->facets[bcd_stage_nth_facet(stage)].together;
}

/* The list of elements that records do not show, or NULL. */
static const BcdEndpoint *
list_of_elements(const BcdResource *resource)
{
	int			i;

	for (i = 1; i < resource->nfacets; i++)
		if (resource->facets[i].list.endpoint)
			return resource->facets[i].list.endpoint;
	return NULL;
}

/*
 * Returns the endpoint for the requests of a stage, or NULL if it makes none.
 * All stages that read use the list of records.
 */
const BcdEndpoint *
bcd_stage_endpoint(const BcdResource *resource, BcdStage stage)
{
	if (bcd_stage_nth_facet(stage) >= resource->nfacets)
		return NULL;
	if (bcd_stage_writes(stage))
		return bcd_stage_action(resource, stage)->endpoint;
	if (stage == BCD_BELOW)
		return list_of_elements(resource);
	return resource->list.endpoint ? resource->list.endpoint : resource->view.endpoint;
}

/* Returns the facet that the requests of a stage write. */
const BcdFacet *
bcd_stage_facet(const BcdResource *resource, BcdStage stage)
{
	return &resource->facets[bcd_stage_nth_facet(stage)];
}
