/*
 * verify_proof.c
 *		Records what a verify has proven of a resource.
 *
 * A proof is recorded once all lanes of a resource have done all that they had
 * to do, and only if they are the lanes of all of its feeds. Until then, or
 * after a crash, the one before remains, and the next verify begins there.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "base/debug.h"
#include "engine/engine.h"
#include "feed/feed.h"
#include "resource/resource.h"
#include "tables/discrepancy.h"
#include "tables/feed.h"
#include "tables/proven.h"
#include "verbs/verify_list.h"
#include "verbs/verify_proof.h"
#include "verbs/verify_record.h"

/* A clock that differs by more than this is no clock */
#define MOST_OFFSET_MS		(26 * INT64CONST(3600000))

/* How far to go back where the store tells no time */
#define NO_CLOCK_US			USECS_PER_HOUR

/* The last feed of a resource asks what is the same for all of them. */
bool
bcd_is_last_of_resource(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	int			i;

	for (i = run->nlanes - 1; run->lanes[i] != lane; i--)
		if (run->lanes[i]->feed->resource == lane->feed->resource)
			return false;
	return true;
}

/* When the run began, by the store's clock */
static TimestampTz
began_there(const BcdRun *run)
{
	const BcdStoreClock *clock = &run->store->clock;

	if (!clock->known || clock->offset_ms > MOST_OFFSET_MS || clock->offset_ms < -MOST_OFFSET_MS)
		return run->began - NO_CLOCK_US;
	return run->began + clock->offset_ms * 1000;
}

/*
 * Fills in what is known from the lanes of a resource.  Returns false if they
 * prove nothing.
 */
static bool
fill(BcdRun *run, BcdLane *last, BcdProof *proof)
{
	const BcdResource *r = last->feed->resource;
	Datum	   *names = palloc(sizeof(Datum) * run->nlanes);
	int64		calls = run->counts.api_calls;
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];

		if (lane->feed->resource != r)
			continue;
		if (lane->stopped || lane->lost || lane->held_rows != NIL || lane->verify == NULL)
			return false;
		calls = Min(calls, lane->verify->calls_before);
		names[n++] = CStringGetTextDatum(lane->feed->name);
	}
	proof->run_id = run->run_id;
	proof->proven_at = run->began;
	proof->watermark = began_there(run);
	proof->full = bcd_verify_is_full(last);
	proof->counted = r->list.endpoint != NULL && (proof->full || bcd_verify_can_count(r));
	proof->dated = proof->full || r->changed.endpoint != NULL;
	proof->touched = last->verify->touched;
	proof->calls = run->counts.api_calls - calls;
	return last->feed->server_store && bcd_feeds_are_all(last->feed->server, r->name, bcd_array(TEXTOID, names, NULL, n));
}

/* Called when the last lane of a resource, and so all of them, are done. */
void
bcd_verify_prove(BcdRun *run, BcdLane *last)
{
	const BcdVerify *v = last->verify;
	const BcdFeed *feed = last->feed;
	BcdProof	proof;
	int64		copied = 0;

	BCD_DEBUG_POINT("proving");
	bcd_tx_begin();
	if (!bcd_verify_is_full(last))
		copied = bcd_discrepancy_copy_strangers(v->last.run_id, run->run_id, feed->server, feed->resource->name,
												v->dropped.of, v->dropped.n);
	if (fill(run, last, &proof))
		bcd_proven_write(feed->server, feed->resource->name, feed->server_store, &proof);
	bcd_tx_commit();
	run->counts.conflicts += copied;
}
