/*
 * item_record.c
 *		Writes the decisions on items to bcdelta.link, pending and result.
 *
 * The items of a claim or a job are recorded together, with one statement for
 * all items of the frequent kinds, since starting a statement costs more than
 * processing a row in it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/collections.h"
#include "engine/conflicts.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item_record.h"
#include "engine/keyed.h"
#include "engine/lost_create.h"
#include "engine/parts.h"
#include "engine/referrers.h"
#include "engine/riders.h"
#include "engine/stage.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "tables/conflict.h"
#include "resource/resource.h"
#include "tables/link_doubt.h"
#include "tables/link_write.h"
#include "tables/pending_settle.h"
#include "tables/result.h"

static bool
is_written(const BcdItem *item)
{
	BcdOutcome	outcome = item->decision.outcome;

	return outcome == BCD_CREATED || outcome == BCD_UPDATED || outcome == BCD_HIDDEN || item->decision.taken;
}

/* Has the record what it had given up, or what its row wants instead? */
static bool
is_back(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->back || (item->wanted && (d->outcome == BCD_UPDATED || (d->part == BCD_UPDATED && d->part_stage == item->lane->gates->key_stage)));
}

/* Writes the links of items that are to be linked. */
static void
put_links(BcdLane *lane, BcdItem **items, int n)
{
	BcdLinkWrite *links = palloc(sizeof(BcdLinkWrite) * n);
	bool		keyed = lane->feed->resource->id == NULL;
	int			i;

	for (i = 0; i < n; i++)
	{
		BcdItemRecord record = bcd_record_after(items[i]);
		bool		unknown = keyed && bcd_is_known_by_address(record.known) && !is_written(items[i]);

		links[i] = (BcdLinkWrite)
		{
			items[i]->key, record.store_id, keyed ? bcd_item_address(items[i]) : NULL,
				unknown ? NULL : keyed ? bcd_known_for_sure(record.known) : record.known,
				record.linked, is_written(items[i]), is_back(items[i])
		};
	}
	bcd_links_put(lane->feed->name, links, n, bcd_reference_fields(lane->feed->resource));
}

/* Returns the keys of items as a text array. */
static Datum
keys_of(BcdItem **items, int n)
{
	Datum	   *keys = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		keys[i] = CStringGetTextDatum(items[i]->key);
	return bcd_array(TEXTOID, keys, NULL, n);
}

/* Notes what rows had that were linked to records with other values. */
static void
put_found(BcdLane *lane, BcdItem **items, int n)
{
	Datum	   *keys = palloc(sizeof(Datum) * n);
	Datum	   *founds = palloc(sizeof(Datum) * n);
	int			rows = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (items[i]->decision.found == NULL)
			continue;
		keys[rows] = CStringGetTextDatum(items[i]->key);
		founds[rows++] = JsonbPGetDatum(items[i]->decision.found);
	}
	if (rows > 0)
		bcd_links_found(lane->feed->name, bcd_array(TEXTOID, keys, NULL, rows), bcd_array(JSONBOID, founds, NULL, rows));
}

/*
 * Returns the names of the fields that a facet writes, or writes a part of, as a text
 * array.
 */
static Datum
facet_fields(const BcdResource *r, const BcdFacet *facet)
{
	Datum	   *names = palloc(sizeof(Datum) * r->nfields);
	int			n = 0;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (bcd_resource_facet_of(r, &r->fields[i]) == bcd_facet_whole(r, facet))
			names[n++] = CStringGetTextDatum(r->fields[i].name);
	return bcd_array(TEXTOID, names, NULL, n);
}

/* Makes other changes to an item's link. */
static void
change_link(BcdLane *lane, BcdItem *item, BcdStage stage)
{
	const char *feed = lane->feed->name;
	const char *hidden_by = lane->feed->resource->hidden_by;
	char	   *address;

	switch (item->decision.link)
	{
		case BCD_LINK_KEEP:
		case BCD_LINK_PUT:
			break;
		case BCD_LINK_FORGET:
			bcd_link_forget_payload(feed, item->key, lane->feed->resource);
			break;
		case BCD_LINK_FORGET_FACET:
			bcd_link_forget_fields(feed, item->key,
								   facet_fields(lane->feed->resource, bcd_stage_facet(lane->feed->resource, stage)), bcd_item_sent(item, stage));
			break;
		case BCD_LINK_HIDING:
			bcd_link_hide(feed, item->key, hidden_by);
			break;
		case BCD_LINK_ASIDE:
			bcd_link_put_aside(feed, item->key, item->decision.aside);
			break;
		case BCD_LINK_TRUST:
			break;				/* all at once: record_links() */
		case BCD_LINK_REMOVE:
			bcd_link_remove(feed, item->key);
			address = bcd_feed_is_guarded(lane->feed) ? bcd_linked_address(item) : NULL;
			if (address)
				bcd_conflicts_end(feed, address);
			break;
	}
}

static void
record_links(BcdLane *lane, BcdItem **items, int n, BcdStage stage)
{
	BcdItem   **put = palloc(sizeof(BcdItem *) * n);
	BcdItem   **trusted = palloc(sizeof(BcdItem *) * n);
	int			nput = 0;
	int			ntrusted = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (items[i]->decision.link == BCD_LINK_PUT)
			put[nput++] = items[i];
		else if (items[i]->decision.link == BCD_LINK_TRUST)
			trusted[ntrusted++] = items[i];
		else if (items[i]->decision.link != BCD_LINK_KEEP)
			change_link(lane, items[i], stage);
	}
	if (ntrusted > 0)
		bcd_links_trust(lane->feed->name, keys_of(trusted, ntrusted));
	if (nput == 0)
		return;
	put_links(lane, put, nput);
	put_found(lane, put, nput);
	/* rows that waited for these links are ready now */
	if (bcd_pending_free_deferred(lane->feed->name, keys_of(put, nput)))
		lane->freed = lane->run->progressed = true;
}

/* What becomes of the pending row of an item that is not done yet */
static BcdPendingFate
fate_of(const BcdItem *item, const char *state, int attempts)
{
	const BcdDecision *d = &item->decision;
	bool		waits = d->pending != BCD_PENDING_READY;
	BcdPendingFate fate = {0};

	fate.key = item->key;
	fate.state = state;
	fate.attempts = attempts;
	fate.delay_ms = d->delay_ms;
	fate.error = d->error;
	fate.waits_feed = waits ? d->waits_feed : NULL;
	fate.waits_key = waits ? d->waits_key : NULL;
	fate.found = d->pending == BCD_PENDING_DONE;
	fate.trouble = d->trouble;
	fate.early_ms = d->early_ms;
	fate.rest_ms = d->rest_ms;
	return fate;
}

/*
 * Removes the pending rows of finished items, unless they have changed in the
 * meantime.
 */
static void
finish_pending(BcdLane *lane, BcdItem **items, int n)
{
	const char *feed = lane->feed->name;
	BcdPendingFate *fates;
	int			i;

	if (n == 1 ? bcd_pending_delete_one_done(feed, items[0]->key) :
		bcd_pending_delete_done(feed, keys_of(items, n)) == n)
		return;
	fates = palloc(sizeof(BcdPendingFate) * n);
	for (i = 0; i < n; i++)
		fates[i] = fate_of(items[i], "ready", 0);
	bcd_pending_put_back(feed, fates, n);
}

static void
record_pending(BcdLane *lane, BcdItem **items, int n)
{
	BcdItem   **done = palloc(sizeof(BcdItem *) * n);
	BcdItem   **finished = palloc(sizeof(BcdItem *) * n);
	BcdPendingFate *fates = palloc(sizeof(BcdPendingFate) * n);
	int			ndone = 0;
	int			nfinished = 0;
	int			nfates = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		BcdItem    *item = items[i];
		const BcdDecision *d = &item->decision;
		int			attempts = (d->afresh ? 0 : item->attempts) + d->attempted;

		switch (d->pending)
		{
			case BCD_PENDING_KEEP:
				break;
			case BCD_PENDING_DONE:
				done[ndone++] = item;
				if (!d->dropped)
					finished[nfinished++] = item;
				break;
			case BCD_PENDING_WAIT:
				fates[nfates++] = fate_of(item, "waiting", attempts + (d->outcome != BCD_NO_OUTCOME));
				break;
			case BCD_PENDING_DEFER:
				fates[nfates++] = fate_of(item, "deferred", 0);
				break;
			case BCD_PENDING_FAIL:

				/*
				 * key changes wait for a row that is moving, but not forever
				 */
				fates[nfates++] = fate_of(item, item->moving ? "review" : "failed", attempts);
				break;
			case BCD_PENDING_REVIEW:
				fates[nfates++] = fate_of(item, "review", attempts);
				break;
			case BCD_PENDING_READY:
				/* a row that was postponed was never claimed */
				if (!d->postponed)
					fates[nfates++] = fate_of(item, "ready", attempts);
				break;
		}
	}
	bcd_pending_put_back(lane->feed->name, fates, nfates);
	if (nfinished > 0)
		finish_pending(lane, finished, nfinished);
	if (ndone > 0 && bcd_pending_free_given_up(lane->feed->name, keys_of(done, ndone)))
		lane->freed = lane->run->progressed = true;
}

/*
 * Marks rows of other feeds that refer to records that are gone, or about to
 * go.
 */
static void
mark_referrers(const BcdLane *lane, BcdItem **items, int n)
{
	int64	   *ids = palloc(sizeof(int64) * n);
	int			gone = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (items[i]->decision.gone_id != 0)
			ids[gone++] = items[i]->decision.gone_id;
	if (gone > 0)
		bcd_mark_referrers(lane->feed, ids, gone);
}

/* Writes the results of items that have one. */
static void
put_results(const BcdLane *lane, BcdItem **items, int n)
{
	BcdResult  *results = palloc(sizeof(BcdResult) * n);
	int			told = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const BcdDecision *d = &items[i]->decision;

		if (d->outcome != BCD_NO_OUTCOME)
			results[told++] = (BcdResult)
		{
			items[i]->key, bcd_store_id_after(items[i]), d->outcome, d->status,
				d->error, d->request_id, bcd_item_parts(items[i]), bcd_item_address(items[i]),
				d->outcome == BCD_FAILED ? d->request : NULL, items[i]->captured_at
		};
	}
	bcd_results_insert(lane->run->run_id, lane->feed->server, lane->feed->name, results, told);
}

static void
record_lane(BcdLane *lane, BcdItem **items, int n, BcdStage stage)
{
	/* for a store that is no longer the feed's, only results are recorded */
	if (!lane->lost)
	{
		record_links(lane, items, n, stage);
		if (lane->run->kind->claims)
		{
			record_pending(lane, items, n);
			bcd_intents_record(lane, items, n, stage);
			bcd_conflicts_record(lane, items, n);
		}
		if (lane->run->kind->record)
			lane->run->kind->record(lane, items, n);
		mark_referrers(lane, items, n);
	}
	if (lane->run->kind->results)
		put_results(lane, items, n);
}

/*
 * Records the decisions on items of a stage, in the caller's transaction.  May
 * be repeated.
 */
void
bcd_items_record(BcdItem **items, int n, BcdStage stage)
{
	BcdItem   **same = palloc(sizeof(BcdItem *) * n);
	BcdItem   **rest = palloc(sizeof(BcdItem *) * n);

	/* feed by feed */
	while (n > 0)
	{
		BcdLane    *lane = items[0]->lane;
		int			nsame = 0;
		int			nrest = 0;
		int			i;

		for (i = 0; i < n; i++)
		{
			if (items[i]->lane == lane)
				same[nsame++] = items[i];
			else
				rest[nrest++] = items[i];
		}
		record_lane(lane, same, nsame, stage);
		items = rest;
		n = nrest;
	}
}
