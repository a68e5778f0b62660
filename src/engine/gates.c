/*
 * gates.c
 *		Where items wait for the endpoints of a resource.
 *
 * A queue belongs to an endpoint, not to a feed: what several feeds of a push
 * have for one endpoint goes into one request, as long as it may go with the
 * same token.  So their lanes share gates.  Those of a link or a verify do
 * not: these look at one feed after the other.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/stage.h"
#include "engine/view.h"

static BcdGates *
gates_create(BcdRun *run, const BcdResource *resource, char *token)
{
	MemoryContext cxt = AllocSetContextCreate(run->cxt, "bcdelta gates", ALLOCSET_SMALL_SIZES);
	BcdGates   *gates = MemoryContextAllocZero(cxt, sizeof(BcdGates));
	const BcdStoreOptions *o = run->store->options;
	int			i;

	gates->run = run;
	gates->cxt = cxt;
	gates->resource = resource;
	gates->token = MemoryContextStrdup(cxt, token);
	gates->target.token = gates->token;
	gates->target.ca_file = o->ca_file;
	gates->target.timeout_ms = o->timeout_ms;
	gates->target.loopback = o->loopback;
	for (i = 0; i < BCD_STAGES; i++)
	{
		dlist_init(&gates->gate[i].queue);
		gates->gate[i].endpoint = bcd_stage_endpoint(resource, i);
	}
	return gates;
}

/* A new lane of a run goes by the gates of those before it, if they are for it. */
void
bcd_gates_join(BcdLane *lane, char *token)
{
	BcdRun	   *run = lane->run;
	int			i;

	for (i = 0; i < run->nlanes && run->kind->claims && lane->gates == NULL; i++)
	{
		BcdGates   *gates = run->lanes[i]->gates;

		if (gates->resource == lane->feed->resource && strcmp(gates->token, token) == 0)
			lane->gates = gates;
	}
	if (lane->gates == NULL)
		lane->gates = gates_create(run, lane->feed->resource, token);
	bcd_forget_asked(lane->gates);
}

/* The gates of the nth lane, unless an earlier lane has them; for a loop over all gates. */
BcdGates *
bcd_run_gates(const BcdRun *run, int nth)
{
	BcdGates   *gates = run->lanes[nth]->gates;

	return nth > 0 && run->lanes[nth - 1]->gates == gates ? NULL : gates;
}

/* The next lane that has more items for these gates, or NULL. */
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

/* Will no more items be claimed, in this round, for the gates of a lane? */
bool
bcd_gates_exhausted(const BcdLane *lane)
{
	return lane->exhausted && bcd_gates_claimant(lane->gates) == NULL;
}
