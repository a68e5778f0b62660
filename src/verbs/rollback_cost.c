/*
 * rollback_cost.c
 *		What a rollback takes, as its preview tells: calls and seconds, and what
 *		no call can undo.
 *
 * The rollback makes the reads of the preview once more, and as many writes as
 * batches are needed.  That is an estimate: elements of collections count as
 * one for each record, and batches that fail are repeated.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "engine/engine.h"
#include "feed/feed.h"
#include "pacing/estimate.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/rollback_field.h"
#include "verbs/rollback.h"

static int64
batches(int64 records, const BcdEndpoint *endpoint)
{
	int64		batch = endpoint ? Max(endpoint->batch, 1) : 1;

	return (records + batch - 1) / batch;
}

/* By which facet a field is written; 0: with the record itself. */
static int
facet_of(const BcdLane *lane, const char *name)
{
	const BcdResource *r = lane->feed->resource;
	const BcdField *field = bcd_resource_field(r, name);
	int			i = field ? bcd_resource_facet_of(r, field) - r->facets : 0;

	return (lane->feed->merged & (uint32) 1 << i) ? 0 : i;
}

/* Returns the number of writes to the records of a feed. */
static int64
writes_of(const BcdLane *lane, List *written)
{
	const BcdResource *r = lane->feed->resource;
	int64	   *records = palloc0(sizeof(int64) * r->nfacets);
	int64		removed = 0;
	int64		calls = 0;
	ListCell   *lc;
	ListCell   *lc2;
	int			i;

	foreach(lc, written)
	{
		const BcdRollbackWrites *w = lfirst(lc);
		uint32		facets = 0;

		if (strcmp(w->feed, lane->feed->name) != 0)
			continue;
		foreach(lc2, w->fields)
		{
			const char *name = lfirst(lc2);

			if (strcmp(name, "+") == 0)
				calls += w->records;
			else if (strcmp(name, "-") == 0)
				removed += w->records;
			else
				facets |= (uint32) 1 << facet_of(lane, name);
		}
		for (i = 0; i < r->nfacets; i++)
			if (facets & (uint32) 1 << i)
				records[i] += w->records;
	}
	for (i = 0; i < r->nfacets; i++)
		calls += batches(records[i], r->facets[i].update.endpoint);
	return calls + batches(removed, r->facets->remove.endpoint);
}

static void
tell(const BcdRun *run, const char *verdict, Jsonb *becomes, const char *reason)
{
	BcdRollbackField f = {.becomes = becomes,.verdict = verdict,.reason = reason};

	bcd_rollback_field_insert(run->run_id, NULL, &f);
}

/* At the end of a preview: records what the rollback takes. */
void
bcd_rollback_estimate(BcdRun *run)
{
	int64		calls = run->counts.api_calls;
	int64		seconds;
	List	   *written;
	Jsonb	   *numbers;
	int			i;

	bcd_tx_begin();
	written = bcd_rollback_fields_written(run->run_id);
	for (i = 0; i < run->nlanes; i++)
		calls += writes_of(run->lanes[i], written);
	seconds = bcd_quota_estimate(&run->store->quota, bcd_now_ms(), calls, 0);
	numbers = bcd_payload_set_integer(bcd_payload_set_integer(NULL, "calls", calls), "seconds", seconds);
	tell(run, "total", numbers, psprintf("the rollback takes about " INT64_FORMAT " %s and " INT64_FORMAT " %s",
										 calls, calls == 1 ? "call" : "calls", seconds, seconds == 1 ? "second" : "seconds"));
	if (written != NIL)
		tell(run, "impossible", NULL, "mails and webhooks that others have received; orders that were placed since then keep their prices and quantities");
	bcd_tx_commit();
}
