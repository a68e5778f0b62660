/*
 * exchange_aside.c
 *		Natural keys that a record gives up for a moment.
 *
 * If rows wait for each other's keys in a circle, one of them has to give its
 * key up: an article number by having none, a name by taking an interim one.
 * What the record had is noted in link.aside before this is sent, and stays
 * there until the record has what its row wants.  If the row is given up
 * instead, the record gets back what it had, or what its row wants if another
 * record has the old value by now; so no run leaves a product without its
 * number.
 *
 * The record of a row that is gone, and that stays in the store, gives up a
 * key permanently.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/item.h"
#include "engine/key_holders.h"
#include "engine/lane_held.h"
#include "engine/queue.h"
#include "engine/stage.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/link_unique.h"
#include "tables/pending_wait.h"

static Jsonb *
set_text(Jsonb *payload, const char *field, char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = text;
	v.val.string.len = strlen(text);
	return bcd_payload_set(payload, field, &v);
}

/*
 * Returns the interim value of a field: none, or a name that no other record
 * has.  To an e-mail address, a tag is added (ann+4711@example.org), so that
 * it remains a valid address and, where tags are supported, leads to the same
 * mailbox.
 */
static char *
interim_value(const BcdItem *item, const char *name)
{
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	BcdItemRecord record = bcd_record_after(item);
	char	   *wanted = bcd_payload_text(item->wanted ? item->wanted : record.known, name);
	char	   *at = wanted && (field->flags & BCD_F_EMAIL) ? strrchr(wanted, '@') : NULL;
	char	   *suffix = at ? psprintf("+" INT64_FORMAT "%s", record.store_id, at) :
	psprintf(field->flags & BCD_F_CODE ? "-" INT64_FORMAT : " (" INT64_FORMAT ")", record.store_id);
	int			len = at ? at - wanted : wanted ? strlen(wanted) : 0;

	if (field->min <= 0)
		return pstrdup("");
	if (field->max >= field->min)
		len = pg_mbcharcliplen(wanted, len, (int) field->max - strlen(suffix));
	return psprintf("%.*s%s", len, wanted ? wanted : "", suffix);
}

/*
 * Decides that an item's next update writes these natural keys, and nothing
 * else; the memory is the item's.
 */
static void
decide_keys(BcdItem *item, Jsonb *keys, BcdUpdatePurpose purpose)
{
	const BcdFeed *feed = item->lane->feed;
	BcdStage	stage = bcd_stage_of_keys(feed->resource);
	BcdItemRecord record = bcd_record_after(item);
	BcdTaskRow	row;

	bcd_decide_stage(item, stage);
	item->decision.purpose = purpose;
	item->decision.follows = false;
	item->decision.body = keys;
	if (!BCD_IS_FACET(stage))
		return;
	bcd_feed_subject(feed, item->wanted, record.store_id, bcd_payload_merge(record.remembered, record.known), &row);
	item->decision.has_tasks = true;
	item->decision.tasks = list_make1(bcd_task_of(&row, bcd_stage_facet(feed->resource, stage), keys));
}

/*
 * Decides that the next update of an item gives up these fields, and does
 * nothing else.
 */
void
bcd_give_way(BcdItem *item, const char *const *fields, int n)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdItemRecord *record = bcd_decide_record(item);
	Jsonb	   *has = NULL;
	Jsonb	   *gives = NULL;
	int			i;

	for (i = 0; i < n; i++)
	{
		char	   *value = bcd_payload_text(record->known, fields[i]);

		if (value)
			has = set_text(has, fields[i], value);
		gives = set_text(gives, fields[i], interim_value(item, fields[i]));
	}
	/* if it has given something up before, that is what it had first */
	record->aside = bcd_payload_merge(has, record->aside);
	decide_keys(item, gives, BCD_PURPOSE_GIVE_WAY);
	item->decision.aside = record->aside;
	item->decision.link = BCD_LINK_ASIDE;
	MemoryContextSwitchTo(old);
}

/* The update is done: the item waits for the key that it wants. */
void
bcd_gave_way(BcdItem *item)
{
	bcd_decide_record(item)->known = bcd_payload_merge(item->known, item->body);
	bcd_decide_stage(item, BCD_TURN);
	item->decision.purpose = BCD_PURPOSE_ROW;
	item->decision.link = BCD_LINK_PUT;
}

/*
 * Is this value free, as far as is known: does no other record of the feed
 * have it?
 */
static bool
is_free(const BcdItem *item, const char *field, char *value)
{
	const BcdFeed *feed = item->lane->feed;
	BcdItemRecord record = bcd_record_after(item);
	Jsonb	   *payload = set_text(bcd_payload_merge(record.known, record.aside), field, value);
	BcdHolder  *holders;
	BcdUnique	key;
	Datum		hash;
	int			n;

	if (!bcd_unique_of(feed->resource, payload, field, &key))
		return false;
	hash = Int64GetDatum(key.hash);
	holders = bcd_unique_holders(feed, &hash, 1, &n);
	while (n-- > 0)
		if ((holders[n].record->foreign || holders[n].record->store_id != record.store_id) &&
			bcd_unique_has(feed->resource, holders[n].record->payload, &key))
			return false;
	return true;
}

/*
 * Returns what identifies an item's row, even if the row as a whole cannot be
 * sent; or NULL.  Sets *held_up to the reason if that cannot be read now, else
 * to NULL.
 */
static Jsonb *
identity_of(const BcdItem *item, char **held_up)
{
	BcdFeed    *feed = item->lane->feed;
	BcdFeed    *identity;
	BcdRow		row;

	*held_up = NULL;
	if (item->wanted)
		return item->wanted;
	identity = bcd_feed_identity(feed);
	bcd_feed_look_at_row(identity, item->key, &row);
	bcd_feed_free(identity);
	if (row.state == BCD_ROW_HELD_UP || row.state == BCD_ROW_UNLISTED)
		*held_up = row.message;
	return row.state == BCD_ROW_FOUND ? row.payload : NULL;
}

/*
 * Returns the fields to send so that a record has its identity again, or NULL:
 * it already has it, or there is nothing left that it could have.
 */
static Jsonb *
restored(const BcdItem *item, Jsonb *wants, bool *has_all)
{
	BcdItemRecord record = bcd_record_after(item);
	const char *field;
	int			i;
	Jsonb	   *body = NULL;

	*has_all = true;
	for (i = 0; (field = bcd_resource_key(item->lane->feed->resource, i)) != NULL; i++)
	{
		char	   *had = bcd_payload_text(record.aside, field);
		char	   *wanted = bcd_payload_text(wants, field);
		char	   *has = bcd_payload_text(record.known, field);

		if (had == NULL || (has && (strcmp(has, had) == 0 || (wanted && strcmp(has, wanted) == 0))))
			continue;
		*has_all = false;
		if (is_free(item, field, had))
			body = set_text(body, field, had);
		else if (wanted && is_free(item, field, wanted))
			body = set_text(body, field, wanted);
	}
	return body;
}

/* Is an item given up that has itself given up a key? */
static bool
is_left_aside(const BcdItem *item, const BcdItemRecord *record)
{
	const BcdDecision *d = &item->decision;

	if (record->aside == NULL || d->link == BCD_LINK_REMOVE || d->link == BCD_LINK_PUT)
		return false;
	return d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_FAIL ||
		d->pending == BCD_PENDING_DEFER;
}

/* Postpones an item's decision until this update is done. */
static void
postpone_decision(BcdItem *item, const Jsonb *body, BcdUpdatePurpose purpose)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdDecision *d = &item->decision;
	BcdDecision *final = palloc(sizeof(BcdDecision));
	Jsonb	   *keys = palloc(VARSIZE(body));

	*final = *d;
	bcd_decide_anew(item);
	memcpy(keys, body, VARSIZE(body));
	decide_keys(item, keys, purpose);
	d->final_decision = final;
	MemoryContextSwitchTo(old);
	/* these take effect now, not only when the decision is carried out */
	d->refused = final->refused;
	final->refused = false;
	final->has_record = false;
}

/* Postpones an item's decision until its record has its identity again. */
static void
set_back(BcdItem *item)
{
	bool		has_all;
	char	   *held_up;
	Jsonb	   *wants = identity_of(item, &held_up);
	Jsonb	   *body;

	if (held_up)
	{
		bcd_decide_held_up(item, held_up);
		return;
	}
	body = restored(item, wants, &has_all);
	if (body == NULL)
	{
		item->decision.link = has_all ? BCD_LINK_PUT : item->decision.link;
		item->decision.back = has_all;
	}
	else
		postpone_decision(item, body, BCD_PURPOSE_PUT_BACK);
}

/*
 * Does an item at a lane's gates wait for a key that this item was about to
 * give up?
 */
static bool
is_waited_for_in(const BcdLane *lane, const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known = bcd_record_after(item).known;
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) &lane->gates->gate[BCD_TURN].queue)
	{
		const BcdItem *other = dlist_container(BcdItem, node, iter.cur);
		BcdUnique	key;
		int			i;

		for (i = 0; bcd_resource_key(r, i); i++)
			if (bcd_unique_of(r, other->wanted, bcd_resource_key(r, i), &key) &&
				bcd_unique_has(r, known, &key) && !bcd_unique_has(r, item->wanted, &key))
				return true;
	}
	return false;
}

/*
 * The same for rows of feeds with other tokens. They are not queued at the same
 * time, but wait in bcdelta.pending.
 */
static bool
is_waited_for(const BcdItem *item)
{
	const BcdLane *lane = item->lane;
	const BcdRun *run = lane->run;
	bool		has_others = false;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		has_others |= run->lanes[i]->feed->resource == lane->feed->resource &&
			run->lanes[i]->gates != lane->gates;
	return is_waited_for_in(lane, item) ||
		(has_others && bcd_pending_is_waited_for(lane->feed->name, item->key));
}

/*
 * If a row is refused for something other than its key, should its identity be
 * written alone, so that rows waiting for its old key can go on?
 */
static bool
should_identify(const BcdItem *item, const BcdItemRecord *record)
{
	const BcdDecision *d = &item->decision;

	return d->pending == BCD_PENDING_FAIL && d->outcome == BCD_FAILED && item->wanted && record->linked &&
		(d->link == BCD_LINK_KEEP || d->link == BCD_LINK_PUT) && bcd_item_claims_key(item, record->known) && is_waited_for(item);
}

static bool
is_natural(const char *name, JsonbValue *value, void *resource)
{
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(resource, i)) != NULL; i++)
		if (strcmp(field, name) == 0)
			return true;
	return bcd_resource_made_key(resource, NULL) && bcd_resource_identifies(resource, name);
}

/*
 * Called after an item was decided.  If it is given up while its record lacks
 * its identity, that is restored first.
 */
void
bcd_put_back(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdItemRecord record;

	if (item->final_decision || !item->decision.leaves || !item->lane->run->kind->writes ||
		item->lane->stopped || item->lane->run->cancelled || item->lane->run->error)
		return;
	record = bcd_record_after(item);
	if (record.store_id == 0)
		return;
	if (should_identify(item, &record))
		postpone_decision(item, bcd_payload_filter(bcd_payload_changes(r, item->wanted, record.known),
												   is_natural, (void *) r), BCD_PURPOSE_IDENTIFY);
	else if (is_left_aside(item, &record))
		set_back(item);
}

void
bcd_was_put_back(BcdItem *item)
{
	Jsonb	   *known = bcd_payload_merge(item->known, item->body);

	item->decision = *item->final_decision;
	bcd_decide_record(item)->known = known;
	item->decision.link = BCD_LINK_PUT;
	item->decision.back = item->purpose != BCD_PURPOSE_IDENTIFY || !bcd_item_claims_key(item, known);
}

/* The store refuses to restore the record: adds this to the row's error. */
void
bcd_not_put_back(BcdItem *item, const char *reason)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	const char *error = item->final_decision->error;

	item->decision = *item->final_decision;
	if (item->aside)
		item->decision.error = psprintf("%s%sthe key that the record gave up temporarily could not be restored: %s",
										error ? error : "", error ? "; " : "", reason);
	MemoryContextSwitchTo(old);
}

/* Is it not known where an item's next task has to be sent? */
static bool
is_out_of_reach(const BcdItem *item)
{
	return item->decision.has_tasks && item->decision.tasks && bcd_task_unknown(linitial(item->decision.tasks)) != NULL;
}

/*
 * Another row needs the key that the record of a deleted row has.  Makes the
 * record give it up, by an item of its own.  Nothing is pending for the
 * deleted row; if the worker ends first, the next turn of the other row does
 * this again.  The item waits at lane's gates, while its row is of the feed of
 * owner.  Returns false if the record no longer exists, or if it is not known
 * below which parent.
 */
bool
bcd_let_go(BcdLane *lane, BcdLane *owner, const char *key, int64 store_id, const char *field)
{
	BcdItem    *item = bcd_item_create(lane, key);
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	dlist_delete(&item->node);
	item->lane = owner;
	bcd_queue_link_of(owner, item);
	if (item->store_id == store_id)
	{
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
		item->decision.pending = BCD_PENDING_KEEP;
		postpone_decision(item, set_text(NULL, field, interim_value(item, field)), BCD_PURPOSE_LET_GO);
	}
	if (item->store_id != store_id || is_out_of_reach(item))
	{
		MemoryContextSwitchTo(old);
		bcd_item_free(lane, item);
		return false;
	}
	bcd_item_take_over(item);
	bcd_item_queue(lane, item, bcd_stage_of_keys(lane->feed->resource));
	MemoryContextSwitchTo(old);
	return true;
}

static void
try_set_back(void *item)
{
	set_back(item);
}

/*
 * Creates an item that only restores what the record of a row has given up.
 * If that cannot be determined, because the source is locked for example, the
 * row's next push does it.
 */
static void
restore_one(BcdLane *lane, const char *key)
{
	BcdItem    *item = bcd_item_create(lane, key);
	ErrorData  *error;

	dlist_delete(&item->node);
	bcd_queue_link_of(lane, item);
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_KEEP;
	error = bcd_attempt(try_set_back, item);
	if (error)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("bcdelta: could not restore the key that row %s of feed \"%s\" has given up: %s",
						key, lane->feed->name, error->message)));
	if (error == NULL && item->decision.final_decision)
	{
		bcd_item_take_over(item);
		bcd_item_queue(lane, item, bcd_stage_of_keys(lane->feed->resource));
	}
	else
		bcd_item_free(lane, item);
}

/*
 * A run ends early, and its lanes are empty: restores what records have given
 * up.  Returns false if there is nothing to restore.
 */
bool
bcd_restore_all(BcdRun *run)
{
	bool		any = false;
	int			i;

	if (!run->kind->writes)
		return false;
	bcd_tx_begin();
	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];
		ListCell   *lc;

		lane->exhausted = true;
		if (lane->stopped)
			continue;
		foreach(lc, bcd_links_aside(lane->feed->name))
		{
			restore_one(lane, lfirst(lc));
			any = true;
		}
	}
	bcd_tx_commit();
	return any;
}
