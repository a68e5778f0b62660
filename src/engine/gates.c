/*
 * gates.c
 *		The queues in which items wait for the endpoints of a resource.
 *
 * A queue belongs to an endpoint, not to a feed: items that several feeds of a
 * push have for one endpoint go into one request if they use the same token.
 * So the lanes of these feeds share gates.  The lanes of a link or a verify do
 * not share any, since these process one feed after another.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/stage.h"
#include "engine/view.h"

/* Sets the target of requests by the present options of the store. */
void
bcd_gates_aim(BcdGates *gates, const char *token)
{
	const BcdStoreOptions *o = gates->run->store->options;
	int			i;

	gates->token = MemoryContextStrdup(gates->cxt, token);
	gates->target.token = gates->token;
	gates->target.ca_file = o->ca_file;
	gates->target.timeout_ms = o->timeout_ms;
	gates->target.loopback = o->loopback;
	/* it may have been forgotten with the store that it was about */
	for (i = 0; i < BCD_STAGES; i++)
		gates->gate[i].learned = NULL;
}

/* Do items wait long at a gate, for a batch that may be a large one? */
static bool
is_large(const BcdGate *gate, BcdStage stage)
{
	return BCD_IS_FACET(stage) ||
		(gate->writes && gate->endpoint && gate->endpoint->batch > BCD_PAGE_LIMIT);
}

static void
gate_init(BcdGate *gate, const BcdResource *resource, BcdStage stage)
{
	int			nth = bcd_stage_nth_facet(stage);

	dlist_init(&gate->queue);
	gate->endpoint = bcd_stage_endpoint(resource, stage);
	gate->writes = bcd_stage_writes(stage);
	gate->reads = bcd_stage_reads(stage);
	gate->large = is_large(gate, stage);
	if (!gate->writes || nth >= resource->nfacets)
		return;
	gate->action = bcd_stage_action(resource, stage);
	gate->collection = nth > 0 && resource->facets[nth].collection;
}

static BcdGates *
gates_create(BcdRun *run, const BcdResource *resource, char *token)
{
	MemoryContext cxt = AllocSetContextCreate(run->cxt, "bcdelta gates", ALLOCSET_SMALL_SIZES);
	BcdGates   *gates = MemoryContextAllocZero(cxt, sizeof(BcdGates));
	int			i;

	gates->run = run;
	gates->cxt = cxt;
	gates->resource = resource;
	gates->key_stage = bcd_stage_of_keys(resource);
	bcd_gates_aim(gates, token);
	for (i = 0; i < BCD_STAGES; i++)
		gate_init(&gates->gate[i], resource, i);
	return gates;
}

/*
 * Gives a new lane the gates of an earlier lane, if it can share them, or else
 * new ones.
 */
void
bcd_gates_join(BcdLane *lane, char *token)
{
	BcdRun	   *run = lane->run;
	int			i;

	for (i = 0; i < run->nlanes && run->kind->writes && lane->gates == NULL; i++)
	{
		BcdGates   *gates = run->lanes[i]->gates;

		if (gates->resource == lane->feed->resource && strcmp(gates->token, token) == 0)
			lane->gates = gates;
	}
	if (lane->gates == NULL)
		lane->gates = gates_create(run, lane->feed->resource, token);
	bcd_forget_asked(lane->gates);
}

/*
 * Returns the gates of the nth lane, or NULL if an earlier lane has the same;
 * for loops over all gates.
 */
BcdGates *
bcd_run_gates(const BcdRun *run, int nth)
{
	BcdGates   *gates = run->lanes[nth]->gates;

	return nth > 0 && run->lanes[nth - 1]->gates == gates ? NULL : gates;
}

/* Returns the next lane that has more items for these gates, or NULL. */
BcdLane *
bcd_gates_claimant(const BcdGates *gates)
{
	const BcdRun *run = gates->run;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->gates == gates && !run->lanes[i]->exhausted)
			return run->lanes[i];
	return NULL;
}

/* Will no more items be claimed in this round for the gates of a lane? */
bool
bcd_gates_exhausted(const BcdLane *lane)
{
	return lane->exhausted && bcd_gates_claimant(lane->gates) == NULL;
}
