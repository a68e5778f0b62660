/*
 * exchange_aside.c
 *		Natural keys that a record gives up for a moment.
 *
 * Of rows that wait for each other's keys in a circle one has to let go: of an
 * article number by having none, of a name by having another one.  What the
 * record had is noted in link.aside before that is sent, and stays there until
 * the record has what its row wants.  Should the row be given up instead, the
 * record gets back what it had, or what it was to have if another record has
 * that by now; so a run leaves no product without its number.
 *
 * The record of a row that is gone, and which stays in the store, gives a key up
 * for good.
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
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/link_unique.h"

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
 * What a field has for a moment: nothing, or a name that no other record has.
 * For an e-mail address, a tag is added (ann+4711@example.org), so that it stays
 * a valid address, and where tags are supported, the same mailbox.
 */
static char *
interim_value(const BcdItem *item, const char *name)
{
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	BcdItemRecord record = bcd_record_after(item);
	char	   *wanted = bcd_payload_text(item->wanted ? item->wanted : record.known, name);
	char	   *at = wanted && (field->flags & BCD_F_EMAIL) ? strrchr(wanted, '@') : NULL;
	char	   *suffix = at ? psprintf("+" INT64_FORMAT "%s", record.store_id, at) :
	psprintf(" (" INT64_FORMAT ")", record.store_id);
	int			len = at ? at - wanted : wanted ? strlen(wanted) : 0;

	if (field->min <= 0)
		return pstrdup("");
	if (field->max >= field->min)
		len = pg_mbcharcliplen(wanted, len, (int) field->max - strlen(suffix));
	return psprintf("%.*s%s", len, wanted ? wanted : "", suffix);
}

/* The next update of an item gives up these fields, and nothing else. */
void
bcd_give_way(BcdItem *item, const char *const *fields, int n)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdDecision *d = &item->decision;
	BcdItemRecord *record = bcd_decide_record(item);
	Jsonb	   *has = NULL;
	int			i;

	d->body = NULL;
	for (i = 0; i < n; i++)
	{
		char	   *value = bcd_payload_text(record->known, fields[i]);

		if (value)
			has = set_text(has, fields[i], value);
		d->body = set_text(d->body, fields[i], interim_value(item, fields[i]));
	}
	/* what it has given up before is what it had first */
	record->aside = bcd_payload_merge(has, record->aside);
	d->aside = record->aside;
	MemoryContextSwitchTo(old);
}

/* That is done: the item waits for what it wants. */
void
bcd_gave_way(BcdItem *item)
{
	bcd_decide_record(item)->known = bcd_payload_merge(item->known, item->body);
	bcd_decide_stage(item, BCD_TURN);
	item->decision.purpose = BCD_PURPOSE_ROW;
	item->decision.link = BCD_LINK_PUT;
}

/* Has another record of the feed this value, as far as is known? */
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
		if (holders[n].record->store_id != record.store_id &&
			bcd_unique_has(feed->resource, holders[n].record->payload, &key))
			return false;
	return true;
}

/*
 * What identifies an item's row, whether or not the rest of it can be sent; or
 * NULL.  *held_up: why it cannot be told now, or NULL.
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
	if (row.state == BCD_ROW_HELD_UP)
		*held_up = row.message;
	return row.state == BCD_ROW_FOUND ? row.payload : NULL;
}

/*
 * The fields to send so that a record has again what identifies it; NULL: it
 * has, or there is nothing that it could have.
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

/* Is an item given up that has given up something itself? */
static bool
is_left_aside(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	if (bcd_record_after(item).aside == NULL || d->link == BCD_LINK_REMOVE || d->link == BCD_LINK_PUT)
		return false;
	return d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_FAIL ||
		d->pending == BCD_PENDING_DEFER;
}

/* What was decided of an item waits until this is written. */
static void
postpone_decision(BcdItem *item, const Jsonb *body, BcdUpdatePurpose purpose)
{
	BcdDecision *d = &item->decision;
	BcdDecision *final = MemoryContextAlloc(item->cxt, sizeof(BcdDecision));

	*final = *d;
	bcd_decide_anew(item);
	bcd_decide_stage(item, BCD_UPDATE);
	d->purpose = purpose;
	d->final_decision = final;
	d->body = MemoryContextAlloc(item->cxt, VARSIZE(body));
	memcpy(d->body, body, VARSIZE(body));
	d->follows = false;
	/* these are so from now on, and not only then */
	d->refused = final->refused;
	final->refused = false;
	final->has_record = false;
}

/* What was decided of an item waits until its record has what identifies it. */
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

/* Does an item in a lane wait for a key that this one was about to leave? */
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

/* Items with several tokens go by gates of their own. */
static bool
is_waited_for(const BcdItem *item)
{
	const BcdRun *run = item->lane->run;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (run->lanes[i]->feed->resource == item->lane->feed->resource &&
			is_waited_for_in(run->lanes[i], item))
			return true;
	return false;
}

/*
 * A row is refused, for whatever else it has: what identifies it is written
 * alone, so that it does not keep others from what it has left.
 */
static bool
should_identify(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;
	BcdItemRecord record = bcd_record_after(item);

	return d->pending == BCD_PENDING_FAIL && d->outcome == BCD_FAILED && item->wanted && record.linked &&
		(d->link == BCD_LINK_KEEP || d->link == BCD_LINK_PUT) && bcd_item_claims_key(item, record.known) && is_waited_for(item);
}

static bool
is_natural(const char *name, JsonbValue *value, void *resource)
{
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(resource, i)) != NULL; i++)
		if (strcmp(field, name) == 0)
			return true;
	return false;
}

/*
 * After an item was decided: if it is given up, and its record has not what
 * identifies it, that is put back first.
 */
void
bcd_put_back(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdItemRecord record = bcd_record_after(item);

	if (record.store_id == 0 || item->final_decision || !item->decision.leaves || !item->lane->run->kind->claims ||
		item->lane->stopped || item->lane->run->cancelled || item->lane->run->error)
		return;
	if (should_identify(item))
		postpone_decision(item, bcd_payload_filter(bcd_payload_changes(r, item->wanted, record.known),
												   is_natural, (void *) r), BCD_PURPOSE_IDENTIFY);
	else if (is_left_aside(item))
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

/* The store does not take it: the row's error says so, too. */
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

/*
 * Another row of the source has what the record of a row that is gone is known
 * by: the record gives that up, by an item of its own.  Nothing of the gone row
 * is pending, so should the worker end first, the next row's turn sends it again.
 * The item goes by one lane, and its row is of the feed of another one, perhaps.
 * False: the record is not there any more.
 */
bool
bcd_let_go(BcdLane *lane, BcdLane *owner, const char *key, int64 store_id, const char *field)
{
	BcdItem    *item = bcd_item_create(lane, key);
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	dlist_delete(&item->node);
	item->lane = owner;
	bcd_queue_link_of(owner, item);
	if (item->store_id != store_id)
	{
		MemoryContextSwitchTo(old);
		bcd_item_free(lane, item);
		return false;
	}
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_KEEP;
	postpone_decision(item, set_text(NULL, field, interim_value(item, field)), BCD_PURPOSE_LET_GO);
	bcd_item_take_over(item);
	bcd_item_queue(lane, item, BCD_UPDATE);
	MemoryContextSwitchTo(old);
	return true;
}

static void
try_set_back(void *item)
{
	set_back(item);
}

/*
 * An item that puts back what the record of a row has given up, and no more.
 * Where it cannot be told what that is, because the source is locked, say, the
 * next push of the row does it.
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
		bcd_item_queue(lane, item, BCD_UPDATE);
	}
	else
		bcd_item_free(lane, item);
}

/*
 * A run ends before its time: records get back what they have given up.  Its
 * lanes are empty.  False: there is nothing to be put back.
 */
bool
bcd_restore_all(BcdRun *run)
{
	bool		any = false;
	int			i;

	if (!run->kind->claims)
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
