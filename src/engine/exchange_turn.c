/*
 * exchange_turn.c
 *		Decides whose turn it is to write values that must be unique.
 *
 * A row may want an article number or a name that another row's record has,
 * and is about to give up: numbers that are shifted by one row, two names that
 * are swapped.  The store refuses such a write until the other one is done.
 * So items that are about to write a natural key come here first.  The links
 * show which record has it (link_unique.c), and all these items are considered
 * together.
 *
 * Where the resource permits it, rows that exchange their keys exchange their
 * records; then hardly anything is left to be written (exchange_records.c).
 *
 * The remaining items are sent in the order in which keys become free
 * (exchange_order.c): an item and those that follow it in one batch, if the
 * store processes a batch in order, and the others once that is written.  In a
 * circle, one record gives up its key for a moment (exchange_aside.c).
 *
 * Rows of several feeds may want each other's keys; they wait at the same
 * gates and are considered together.  Feeds that use another token have gates
 * of their own: their rows wait for each other in bcdelta.pending, and in a
 * circle, those that come last give up their keys for the next round.
 *
 * Exchanged links and given-up keys are recorded in the transaction that
 * decides on them, before any request.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/collections.h"
#include "engine/companions.h"
#include "engine/conflicts.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_order.h"
#include "engine/exchange_records.h"
#include "engine/exchange_rivals.h"
#include "engine/exchange_turn.h"
#include "engine/exchange_twins.h"
#include "engine/exchange_wait.h"
#include "engine/facets.h"
#include "engine/item_tasks.h"
#include "engine/gates.h"
#include "engine/item.h"
#include "engine/item_wants.h"
#include "engine/job.h"
#include "engine/keyed.h"
#include "engine/lane.h"
#include "engine/lane_held.h"
#include "engine/natural_key.h"
#include "engine/stage.h"
#include "feed/feed.h"
#include "payload/fixed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"
#include "tables/pending.h"
#include "tables/pending_wait.h"

/* Limit for rows that wait for each other */
#define WAIT_MOST			40

/*
 * Decides that an item waits for a row that is in progress or may yet be;
 * otherwise it fails.
 */
static void
decide_waits(BcdUnit *unit)
{
	BcdItem    *item = unit->item;
	char	   *text = bcd_is_still_that_of(item, unit->waits_key->field, unit->waits_key->value,
											unit->waits_feed, unit->waits_for, unit->why);

	if (unit->fate == WAITS &&
		(item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		 (item->attempts < WAIT_MOST && bcd_pending_is_in_progress(unit->waits_feed, unit->waits_for))))
		/* by the next round, rows with the other token have been written */
		bcd_wait_for_row(item, unit->waits_feed, unit->waits_for, text, unit->elsewhere ? 0 : 1);
	else
	{
		bcd_decide_failed(item, BCD_FAILED, text);
		/* if that row is corrected, this one is tried again */
		bcd_note_waits(item, unit->waits_feed, unit->waits_for);
	}
}

/*
 * May the rows that an item waits for get another chance?  Only a limited
 * number of times.
 */
static bool
may_revive(const BcdUnit *unit)
{
	return unit->item->attempts + 1 < unit->item->lane->run->store->options->max_attempts;
}

static void
decide_comes_back(BcdItem *item)
{
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_READY;
}

/*
 * A create that the store would take for an update of another row's record
 * does not go. False, and nothing is decided: it is none.
 */
static bool
is_held_back(BcdTurns *t, BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	const char *field = bcd_resource_key(r, item->natural_index);
	BcdRecord  *rival = NULL;
	BcdItem    *twin;
	BcdUnique	key;

	if (!r->upserts || bcd_store_id_after(item) != 0)
		return false;
	if (bcd_unique_of(r, item->wanted, field, &key))
		rival = bcd_rival_of(t, item, &key);
	if (rival && rival->lane == item->lane)
	{
		bcd_decide_taken(item, rival->store_id, rival->key);
		bcd_note_waits(item, rival->feed, rival->key);
		return true;
	}
	twin = bcd_twin_ahead(t, item);
	if (twin)
		bcd_decide_wait_for(item, field, item->natural, twin->lane->feed->name, twin->key);
	return twin != NULL;
}

/*
 * An item cannot have a record with what no two records below one parent have
 * in common: another row has that record, or is going to.  False, and nothing
 * is decided: it can, as far as is known.
 */
static bool
is_refused_same(BcdTurns *t, BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	BcdItemRecord record = bcd_record_after(item);
	const BcdField *fixed = record.store_id ? bcd_fixed_difference(feed->resource, item->wanted, record.known) : NULL;
	BcdUnique	key;
	BcdRecord  *rival;
	BcdItem    *twin;
	const char *others_feed;
	const char *others_key;
	char	   *flaw;

	if (!bcd_item_lacks_same(item, &key))
		return false;
	rival = bcd_rival_of(t, item, &key);
	twin = rival || record.store_id ? NULL : bcd_twin_ahead(t, item);
	if (rival == NULL && twin == NULL && fixed == NULL)
		return false;
	others_feed = rival ? rival->feed : twin ? twin->lane->feed->name : feed->name;
	others_key = rival ? rival->key : twin ? twin->key : NULL;
	flaw = rival ? psprintf("%s: record " INT64_FORMAT " of the store has the same, and is linked to source row %s",
							key.field, rival->store_id, others_key) :
		twin ? psprintf("%s: source row %s has the same", key.field, others_key) : bcd_fixed_flaw(fixed, record.known);
	if (strcmp(others_feed, feed->name) != 0)
		flaw = psprintf("%s of feed \"%s\"", flaw, others_feed);
	bcd_decide_failed(item, BCD_INVALID, MemoryContextStrdup(item->cxt, flaw));
	/* if that row is corrected, this one is tried again */
	if (others_key)
		bcd_note_waits(item, others_feed, others_key);
	return true;
}

static void
decide_goes(BcdTurns *t, BcdItem *item)
{
	BcdItemRecord record = bcd_record_after(item);

	if (is_held_back(t, item) || is_refused_same(t, item))
		return;
	if (record.store_id == 0)
		bcd_item_wants_create(item);
	else if (bcd_item_must_read(item))
		bcd_decide_stage(item, BCD_READ);
	else
	{
		MemoryContext old = MemoryContextSwitchTo(item->cxt);
		List	   *tasks = bcd_item_tasks(item);
		BcdStage	stage = tasks != NIL ? bcd_stage_of(linitial(tasks)) : BCD_UPDATE;

		if (!bcd_decide_tasks(item, tasks) && tasks == NIL)
			item->decision.body = bcd_payload_empty();
		bcd_put_values(item);
		bcd_decide_stage(item, stage);
		MemoryContextSwitchTo(old);
	}
	if (item->purpose == BCD_PURPOSE_GIVE_WAY)
		item->decision.purpose = BCD_PURPOSE_ROW;
}

static void
decide(BcdTurns *t, BcdUnit *unit)
{
	BcdItem    *item = unit->item;

	switch (unit->fate)
	{
		case GOES:
			decide_goes(t, item);
			break;
		case GIVES_WAY:
			break;				/* bcd_give_way() has decided it */
		case WAITS:
			decide_waits(unit);
			break;
		case FAILS:
			if (may_revive(unit) && bcd_pending_revive(unit->waits_feed, unit->waits_for))
			{
				item->lane->freed = t->lane->freed = t->lane->run->progressed = true;
				decide_comes_back(item);
				item->decision.attempted = true;
			}
			else
				decide_waits(unit);
			break;
		case COMES_BACK:
			if (unit->held_up)
				bcd_decide_held_up(item, unit->held_up);
			else
				decide_comes_back(item);
			break;
		case UNDECIDED:
		case STAYS:
			bcd_decide_stage(item, BCD_TURN);
			break;
	}
	item->decision.asks = unit->asks;
	if (unit->segment > 0)
		item->decision.follows = unit->follows;
}

/*
 * Does a link have what an item is about to create without a look-up?  Then it
 * is looked up after all: that row may be gone.
 */
static bool
must_look_up(BcdTurns *t, BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUnique	key;

	return r->guarded && bcd_store_id_after(item) == 0 && item->lookup_reason == BCD_REASON_RECORD &&
		bcd_unique_of(r, item->wanted, bcd_resource_key(r, item->natural_index), &key) &&
		bcd_rival_of(t, item, &key) != NULL;
}

/*
 * Decides on rows that have no record any more, or whose record already has
 * all that they want.
 */
static bool
decide_at_once(BcdTurns *t, BcdUnit *unit)
{
	BcdItem    *item = unit->item;
	int64		has = bcd_store_id_after(item);

	if (unit->displaced)
	{
		bcd_item_wants_record(item);
		return true;
	}
	if (must_look_up(t, item))
	{
		bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
		return true;
	}
	if (has == 0 || has == unit->had)
		return false;
	/* a row without a record was given one */
	bcd_decide_record(item)->looked_up = unit->had == 0;
	bcd_item_wants_write(item, false);
	return item->decision.leaves || item->decision.next != BCD_TURN;
}

/* Decides on the items of a job, which may be of several feeds. */
static void
read_turns(BcdJob *job, const cJSON *reply)
{
	BcdTurns	t = {job->lane};
	dlist_iter	iter;
	int			i;

	t.last = job->lane->gates->in_flight == 1 && job->lane->gates->items == job->nitems;
	t.more = !bcd_gates_exhausted(job->lane);
	t.full = !bcd_lane_has_room(job->lane);
	t.units = palloc0(sizeof(BcdUnit) * job->nitems);
	t.by_key = palloc(sizeof(BcdUnit *) * job->nitems);
	t.order = palloc(sizeof(BcdUnit *) * job->nitems);
	dlist_foreach(iter, &job->items)
	{
		BcdUnit    *unit = &t.units[t.n];

		unit->item = dlist_container(BcdItem, node, iter.cur);
		unit->had = unit->item->store_id;
		t.by_key[t.n++] = unit;
	}
	bcd_rivals_find(&t);
	if (job->run->kind->claims)
		bcd_exchange(&t);
	for (i = 0; i < t.n; i++)
		if (decide_at_once(&t, &t.units[i]))
			t.units[i].segment = -1;
	bcd_put_in_order(&t);
	for (i = 0; i < t.n; i++)
		if (t.units[i].segment >= 0)
			decide(&t, &t.units[i]);
	for (i = 0; i < t.norder; i++)
		t.order[i]->item->decision.place = i + 1;
	if (t.identity)
		bcd_feed_free(t.identity);
}

/* Has anything happened since turns were last given? */
static bool
is_due(const BcdLane *lane)
{
	bool		full = bcd_gates_exhausted(lane) || !bcd_lane_has_room(lane);
	bool		alone = lane->gates->in_flight == 0 && lane->gates->items == lane->gates->gate[BCD_TURN].queued;

	return lane->gates->looked_at != lane->gates->moved || lane->gates->was_full != full || (full && alone);
}

/* Returns a job, without a request, that gives items their turn. */
BcdJob *
bcd_plan_turn(BcdLane *lane)
{
	BcdJob	   *job;

	if (lane->gates->gate[BCD_TURN].queued == 0 || lane->gates->gate[BCD_TURN].flying > 0 || !is_due(lane) ||
		bcd_companions_wanted(lane))
		return NULL;
	lane->gates->looked_at = lane->gates->moved;
	lane->gates->was_full = bcd_gates_exhausted(lane) || !bcd_lane_has_room(lane);
	job = bcd_job_create(lane, BCD_TURN, NULL, NULL, NULL);
	job->read = lane->feed->resource->id ? read_turns : bcd_keyed_turns;
	while (lane->gates->gate[BCD_TURN].queued > 0)
		bcd_job_take(job, bcd_item_pop(lane, BCD_TURN));
	return job;
}
