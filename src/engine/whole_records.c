/*
 * whole_records.c
 *		Conflicts about records as a whole: one side has deleted what the other
 *		side has changed.
 *
 * gone		the record was deleted in the store, and its row has changed: is the
 *			record made again?
 * deleted	the row was deleted in the source, and its record was edited in the
 *			store: is the record removed, or hidden?
 *
 * The policy of the feed decides.  A decision on a record that is gone holds as
 * long as it is; one on a deleted row, as long as the record is not edited
 * again.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/newest.h"
#include "engine/sent_fields.h"
#include "engine/whole_records.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/conflict.h"

/* The current conflict about an item's record, or nothing */
typedef struct Whole
{
	char	   *state;			/* NULL: there is none of this kind */
	Jsonb	   *store;			/* a payload that has it, or NULL */
} Whole;

static void
read_whole(const BcdItem *item, const char *kind, Whole *w)
{
	const BcdFeed *feed = item->lane->feed;
	char	   *address = bcd_linked_address(item);
	BcdCurrentConflicts current;
	char	   *is;

	memset(w, 0, sizeof(*w));
	if (address == NULL || (!feed->disputed && feed->on_conflict == BCD_POLICY_SOURCE))
		return;
	bcd_conflicts_of(feed->name, address, &current);
	is = current.kinds ? bcd_payload_text(current.kinds, BCD_WHOLE_RECORD) : NULL;
	if (is == NULL || strcmp(is, kind) != 0)
		return;
	w->state = bcd_payload_text(current.states, BCD_WHOLE_RECORD);
	w->store = current.store;
}

static bool
is_in(const Whole *w, const char *state)
{
	return w->state && strcmp(w->state, state) == 0;
}

/* Returns a payload that has another one as the value of the whole record. */
static Jsonb *
wrapped(Jsonb *payload)
{
	JsonbValue	v;

	if (payload == NULL)
		return NULL;
	bcd_jsonb_value(payload, &v);
	return bcd_payload_set(NULL, BCD_WHOLE_RECORD, &v);
}

static void
file(BcdItem *item, BcdConflict *c, const char *kind, BcdPolicy decided)
{
	c->field = BCD_WHOLE_RECORD;
	c->kind = kind;
	c->state = decided == BCD_POLICY_REVIEW ? "open" : bcd_policy_name(decided);
	item->decision.filed = lappend(item->decision.filed, c);
	item->decision.conflicts += decided == BCD_POLICY_REVIEW;
}

/* Nothing is written: because that was decided, or until a person decides. */
static void
leave(BcdItem *item, bool open, const char *why)
{
	bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
	item->decision.error = MemoryContextStrdup(item->cxt, open ? psprintf("%s, see bcdelta.review", why) : why);
	if (open)
		item->decision.pending = BCD_PENDING_REVIEW;
}

/* Has anything been known of an item's record, but its address? */
static bool
has_contents(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;

	return r->id ? item->known || item->remembered : bcd_has_contents(r, item->known) || bcd_has_contents(r, item->remembered);
}

/*
 * The record that an item is linked to no longer exists.  Is it not made again,
 * at least for now?  Then that is decided.
 */
bool
bcd_gone_is_disputed(BcdItem *item)
{
	BcdPolicy	policy = item->lane->feed->on_conflict;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdConflict *c;
	Whole		w = {NULL, NULL};

	if (item->wanted && item->linked && !item->looked_up && (item->lane->feed->resource->id || has_contents(item)))
		read_whole(item, "gone", &w);
	else
		policy = BCD_POLICY_SOURCE;
	if (policy == BCD_POLICY_SOURCE ? !is_in(&w, "store") : is_in(&w, "source"))
	{
		MemoryContextSwitchTo(old);
		return false;
	}
	/* nobody knows when it was deleted */
	if (policy == BCD_POLICY_NEWEST)
		policy = BCD_POLICY_REVIEW;
	if (w.state == NULL)
	{
		c = palloc0(sizeof(BcdConflict));
		c->base = wrapped(bcd_payload_merge(item->remembered, item->known));
		c->source = wrapped(item->wanted);
		c->source_changed_at = item->changed_at;
		c->store_modified_at = DT_NOBEGIN;
		file(item, c, "gone", policy);
	}
	if (w.state ? is_in(&w, "open") : policy == BCD_POLICY_REVIEW)
		leave(item, true, "its record was deleted in the store");
	else
		leave(item, false, "its record was deleted in the store, and is not made again");
	MemoryContextSwitchTo(old);
	return true;
}

/*
 * A record without an id is made again at its address: a conflict about it is over,
 * once that is done.
 */
void
bcd_gone_is_over(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (item->lane->feed->disputed)
	{
		item->decision.judged = true;
		item->decision.ends = lappend(item->decision.ends, BCD_WHOLE_RECORD);
	}
	MemoryContextSwitchTo(old);
}

/*
 * The row of an item is gone.  Does its record have to be read before it is
 * removed, since somebody may have edited it?
 */
bool
bcd_removal_is_guarded(const BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	Whole		w;

	if (!item->linked || item->aside || !has_contents(item))
		return false;
	if (feed->on_conflict != BCD_POLICY_SOURCE)
		return true;
	read_whole(item, "deleted", &w);
	return is_in(&w, "store");
}

/* What is looked for in a record */
typedef struct Edits
{
	const BcdItem *item;
	const cJSON *record;
	Jsonb	   *base;			/* of the edited fields */
	Jsonb	   *store;
} Edits;

static void
look_for_edit(const char *name, JsonbValue *value, void *arg)
{
	Edits	   *e = arg;
	const BcdFeed *feed = e->item->lane->feed;
	const BcdField *field = bcd_resource_field(feed->resource, name);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(e->record, name);
	char	   *own = feed->policies ? bcd_payload_text(feed->policies, name) : NULL;

	if (field == NULL || got == NULL || field->flags & (BCD_F_WRITE_ONLY | BCD_F_FIXED) || BCD_IS_COLLECTION(field) ||
		!bcd_feed_maps(feed, name) || !bcd_field_has_policy(feed, name) || (own && strcmp(own, "source") == 0))
		return;
	if (bcd_payload_agrees(field, value, got) || (e->item->sent && bcd_may_be_ours(e->item, field, got)))
		return;
	e->base = bcd_payload_set(e->base, name, value);
	e->store = bcd_payload_merge(e->store, bcd_payload_from_json(name, got));
}

static bool
is_same(Jsonb *payload, Jsonb *other)
{
	return payload && bcd_payload_same(payload, other, BCD_WHOLE_RECORD);
}

/*
 * The row of an item is gone, and its record was read.  Does the record stay as
 * it is, at least for now?  Then that is decided.
 */
bool
bcd_removal_is_disputed(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdPolicy	policy = item->lane->feed->on_conflict;
	Edits		e = {item, record, NULL, NULL};
	BcdConflict *c;
	Whole		w;
	bool		same;

	/* else it was read to find its parent */
	if (bcd_removal_is_guarded(item))
	{
		item->decision.judged = true;
		bcd_payload_each(bcd_payload_merge(item->remembered, item->known), look_for_edit, &e);
		item->decision.read_at = bcd_now_ms();
	}
	MemoryContextSwitchTo(old);
	if (e.store == NULL)
		return false;
	old = MemoryContextSwitchTo(item->cxt);
	read_whole(item, "deleted", &w);
	same = is_same(w.store, wrapped(e.store));
	if (!same || !w.state)
	{
		c = palloc0(sizeof(BcdConflict));
		c->base = wrapped(e.base);
		c->store = wrapped(e.store);
		c->source_changed_at = c->store_modified_at = DT_NOBEGIN;
		if (policy == BCD_POLICY_NEWEST)
			policy = bcd_newest(item, record, c);
		if (policy != BCD_POLICY_SOURCE || item->lane->feed->on_conflict != BCD_POLICY_SOURCE)
			file(item, c, "deleted", policy);
	}
	else
		policy = is_in(&w, "store") ? BCD_POLICY_STORE : is_in(&w, "source") ? BCD_POLICY_SOURCE :
			policy == BCD_POLICY_SOURCE ? policy : BCD_POLICY_REVIEW;
	/* over, once the record is hidden; with a removed one it ends anyway */
	if (policy == BCD_POLICY_SOURCE)
		item->decision.ends = lappend(item->decision.ends, BCD_WHOLE_RECORD);
	if (policy == BCD_POLICY_REVIEW)
		leave(item, true, "the source row is gone, but its record was edited in the store");
	else if (policy == BCD_POLICY_STORE)
		leave(item, false, "the source row is gone; its record was edited in the store, and stays");
	MemoryContextSwitchTo(old);
	return policy != BCD_POLICY_SOURCE;
}

/* An item has a row: if that was deleted before, the conflict about it is over. */
void
bcd_row_is_back(BcdItem *item)
{
	Whole		w;

	if (!item->lane->feed->disputed || !item->linked)
		return;
	read_whole(item, "deleted", &w);
	if (w.state)
		item->decision.ends = lappend(item->decision.ends, BCD_WHOLE_RECORD);
}
