/*
 * conflicts.c
 *		Fields that somebody else changed in the store.
 *
 * Three values of each field are compared when a linked record has been read:
 * what both sides had when they last agreed (link.payload, or
 * link.remembered), what the row wants now, and what the record holds.
 *
 *     row      record                     is
 *     same     any        kept: the row did not change the field, unless it
 *                         now has the natural key of another row's record
 *     changed  same       written
 *     changed  changed    written, kept, or left to a person: the policy says
 *
 * Sets, such as the categories of a product, are merged instead, unless the
 * source always wins.
 *
 * A field that is kept counts as if the row's value had been written, so that
 * it is not written before the row changes it again. What the store holds
 * instead is in the field's current row of bcdelta.conflict; what a person
 * decides there is valid for the two values that it shows.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "engine/conflicts.h"
#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/link_base.h"
#include "engine/newest.h"
#include "engine/repeated.h"
#include "engine/sent_fields.h"
#include "engine/shown.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "payload/set_merge.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/conflict.h"
#include "tables/link_unique.h"

typedef struct Reading
{
	BcdItem    *item;
	const cJSON *record;
	Jsonb	   *base;			/* what both had */
	Jsonb	   *known;			/* what the record is known to hold, in ... */
	MemoryContext scratch;		/* ... since each field makes a copy of it */
	BcdCurrentConflicts current;
	bool		guarded;
} Reading;

/* The record keeps its value: the row's counts as written. */
static void
keep(Reading *r, const char *name, JsonbValue *value)
{
	MemoryContext old = MemoryContextSwitchTo(r->scratch);

	r->known = bcd_payload_set(r->known, name, value);
	MemoryContextSwitchTo(old);
}

static void
hold(Reading *r, const char *name)
{
	BcdDecision *d = &r->item->decision;

	d->held = d->held ? psprintf("%s, %s", d->held, name) : pstrdup(name);
}

/*
 * Files a conflict: its state is what the policy has decided.  base: a payload that has the field, or NULL
 */
static void
file(Reading *r, const char *name, BcdConflict *c, BcdPolicy decided, Jsonb *base)
{
	c->field = pstrdup(name);
	c->state = decided == BCD_POLICY_REVIEW ? "open" : bcd_policy_name(decided);
	c->base = base;
	c->source = r->item->wanted;
	c->store = bcd_payload_from_json(name, cJSON_GetObjectItemCaseSensitive(r->record, name));
	r->item->decision.filed = lappend(r->item->decision.filed, c);
	r->item->decision.conflicts += decided == BCD_POLICY_REVIEW;
}

static void
end(Reading *r, const char *name)
{
	r->item->decision.ends = lappend(r->item->decision.ends, pstrdup(name));
}

/* The same if nothing has to be written for it: what the link knows is enough. */
static void
over(Reading *r, const char *name)
{
	end(r, name);
	r->item->decision.over = lappend(r->item->decision.over, pstrdup(name));
}

/*
 * Both sides have changed a field, or it is not known which.  A conflict whose
 * times have decided for the source is over when that is written.
 */
static void
decide_by_policy(Reading *r, const char *name, JsonbValue *value, const char *kind, Jsonb *base)
{
	BcdPolicy	policy = bcd_policy_of(r->item->lane->feed, name);
	BcdConflict *c;

	if (policy == BCD_POLICY_SOURCE)
		return;
	c = palloc0(sizeof(BcdConflict));
	c->kind = kind;
	c->source_changed_at = c->store_modified_at = DT_NOBEGIN;
	if (policy == BCD_POLICY_NEWEST)
		policy = bcd_newest(r->item, r->record, c);
	else if (bcd_resource_field(r->item->lane->feed->resource, name)->flags & BCD_F_COUNTED)
		c->reason = "the store changes it with each sale; differences, which have no conflicts, are sent with the option \"adjustment\" of a feed of resource inventory";
	file(r, name, c, policy, base);
	if (policy == BCD_POLICY_SOURCE)
	{
		end(r, name);
		return;
	}
	if (policy == BCD_POLICY_REVIEW)
		hold(r, name);
	keep(r, name, value);
}

static bool
is_key(const BcdResource *resource, const char *name)
{
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(resource, i)) != NULL; i++)
		if (strcmp(field, name) == 0)
			return true;
	return false;
}

/*
 * Has the record been given the natural key of another row's record?  Then it
 * gets its own back: the other row could not be created again.  A record that
 * somebody has renamed otherwise keeps its new name.
 */
static bool
has_key_of_another(const Reading *r, const char *name, const cJSON *got)
{
	const BcdFeed *feed = r->item->lane->feed;
	const BcdResource *resource = feed->resource;
	BcdLinkHolder *holders;
	BcdUnique	key;
	Datum		hash;
	JsonbValue	v;
	int			i;
	int			n;

	if (!is_key(resource, name) || !cJSON_IsString(got) || bcd_policy_of(feed, name) != BCD_POLICY_SOURCE)
		return false;
	v.type = jbvString;
	v.val.string.val = got->valuestring;
	v.val.string.len = strlen(got->valuestring);
	if (!bcd_unique_of(resource, bcd_payload_set(r->item->wanted, name, &v), name, &key))
		return false;
	hash = Int64GetDatum(key.hash);
	holders = bcd_link_holders(feed->name, resource, &hash, 1, &n);
	for (i = 0; i < n; i++)
		if (holders[i].store_id != bcd_store_id_after(r->item))
			return true;
	return false;
}

/*
 * Decides on a field with a current conflict in this state. Once a decision has
 * been carried out, the row's value counts as known, or the decided one does.
 */
static void
decide_known_conflict(Reading *r, const BcdField *field, JsonbValue *value, const cJSON *got, const char *state)
{
	const char *name = field->name;
	BcdItem    *item = r->item;
	const BcdCurrentConflicts *c = &r->current;
	bool		same_source = bcd_payload_same(item->wanted, c->source, name);
	bool		same_store = bcd_payload_is_in_record(c->store, field, got);
	bool		has_value = bcd_payload_is_in_record(c->value, field, got);
	bool		done = bcd_payload_has(r->base, name) && !bcd_payload_same(r->base, c->store, name);
	bool		by_source = bcd_policy_of(item->lane->feed, name) == BCD_POLICY_SOURCE;
	bool		open = strcmp(state, "open") == 0;
	bool		kept = strcmp(state, "kept") == 0;	/* by the policy */
	bool		chosen = strcmp(state, "chosen") == 0;	/* the source's, by the
														 * policy */
	bool		by_person = !open && !kept && !chosen;
	bool		disputed = !by_person || !done; /* they have not agreed since */

	if (strcmp(state, "value") == 0 && same_source && (has_value || done))
		keep(r, name, value);
	else if (item->sent && bcd_may_be_ours(item, field, got))
		end(r, name);
	else if (strcmp(state, "store") == 0 && same_source && (same_store || done))
		keep(r, name, value);
	else if ((chosen || strcmp(state, "source") == 0) && same_source && same_store)
		end(r, name);
	else if (strcmp(state, "value") == 0 && same_source && same_store)
		item->decision.values = bcd_payload_merge(item->decision.values,
												  bcd_payload_set(NULL, name, getKeyJsonValueFromContainer(&c->value->root, name, strlen(name), NULL)));
	else if ((open && by_source) || (disputed && bcd_payload_is_in_record(c->base, field, got)))
		end(r, name);
	else if (disputed && c->base && bcd_payload_same(item->wanted, c->base, name))
	{
		/* the row is as it was: only the store has changed */
		over(r, name);
		keep(r, name, value);
	}
	else if (open && same_source && same_store)
	{
		hold(r, name);
		keep(r, name, value);
	}
	else if (kept && same_source && (same_store || by_source))
		keep(r, name, value);
	else if (!disputed && !same_source && (has_value || same_store))
		end(r, name);			/* what was decided held until now */
	else
		decide_by_policy(r, name, value, "edited", disputed ? c->base : strcmp(state, "value") == 0 ? c->value : c->store);
}

/*
 * A field will be written. If it is not known afterwards whether it was, what
 * both sides had must not be forgotten. Where it is the row's value, where we
 * have written another since, or where others rely on it, it is known what the
 * record has instead.
 */
static void
keep_base(Reading *r, const char *name, const cJSON *got)
{
	const BcdResource *resource = r->item->lane->feed->resource;
	MemoryContext old;
	JsonbValue	v;

	if (bcd_payload_has(r->known, name) || !bcd_payload_has(r->base, name))
		return;
	old = MemoryContextSwitchTo(r->scratch);
	if (bcd_payload_same(r->item->wanted, r->base, name) || is_key(resource, name) ||
		bcd_may_be_ours(r->item, bcd_resource_field(resource, name), got))
		r->known = bcd_payload_merge(r->known, bcd_payload_from_json(name, got));
	else
		r->known = bcd_payload_set(r->known, name, getKeyJsonValueFromContainer(&r->base->root, name, strlen(name), &v));
	MemoryContextSwitchTo(old);
}

/*
 * Merges a set that the row has changed with what the store holds.  Returns
 * false if the field is no such set, or its policy does not ask for it.
 */
static bool
merge_set(Reading *r, const BcdField *field, JsonbValue *value, const cJSON *got)
{
	BcdItem    *item = r->item;
	Jsonb	   *merged;

	if (!bcd_is_set(field) || bcd_policy_of(item->lane->feed, field->name) == BCD_POLICY_SOURCE ||
		!bcd_payload_has(r->base, field->name))
		return false;
	/* each side has changed what it had itself */
	merged = bcd_set_merged(field, bcd_payload_has(item->found, field->name) ? item->found : r->base, item->wanted, got);
	if (merged == NULL)
		return false;
	if (bcd_payload_is_in_record(merged, field, got))
		keep(r, field->name, value);
	else if (!bcd_payload_same(merged, item->wanted, field->name))
		item->decision.values = bcd_payload_merge(item->decision.values, merged);
	return true;
}

/*
 * Has nobody given a field a value yet, of a record that is there from the start, like the
 * stock of a product at each location?  Of such records, a removal leaves nothing, either.
 */
static bool
is_blank(const BcdResource *resource, const cJSON *got)
{
	const BcdFacet *first = resource->facets;

	return resource->id == NULL && first->remove.endpoint == first->update.endpoint && bcd_payload_is_nothing(got);
}

static void
look_at_field(const char *name, JsonbValue *value, void *arg)
{
	Reading    *r = arg;
	BcdItem    *item = r->item;
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(r->record, name);
	char	   *state = r->current.states ? bcd_payload_text(r->current.states, name) : NULL;
	bool		conflicts = r->guarded && field && !(field->flags & (BCD_F_FIXED | BCD_F_CREATE_ONLY)) &&
	bcd_field_has_policy(item->lane->feed, name);

	if (field == NULL || got == NULL || field->flags & BCD_F_WRITE_ONLY || BCD_IS_COLLECTION(field))
		return;
	/* the record was read by these */
	if (bcd_is_keyed(item) && bcd_is_address_field(item->lane->feed->resource, name))
		return;
	if ((bcd_payload_has(r->known, name) && bcd_payload_same(item->wanted, r->known, name)) ||
		(conflicts && bcd_payload_is_in_record(item->wanted, field, got)))
	{
		/* if the store shows the field late, we have not written it lately */
		keep(r, name, value);
		if (state)
			over(r, name);
	}
	else if (bcd_payload_has(item->aside, name))
		;						/* we took the value away */
	else if (state == NULL && conflicts && bcd_untouched_since_link(item->lane->feed->resource, item->found, item->wanted, name))
		decide_by_policy(r, name, value, "found", NULL);	/* they never agreed */
	else if (conflicts && !(state && strcmp(state, "open") == 0) && !bcd_payload_same(item->wanted, r->base, name) &&
			 merge_set(r, field, value, got))
	{
		if (state)
			end(r, name);
	}
	else if (state && conflicts)
		decide_known_conflict(r, field, value, got, state);
	else if (!bcd_payload_has(r->base, name))
	{
		if (conflicts && !(item->sent && bcd_may_be_ours(item, field, got)) && !is_blank(item->lane->feed->resource, got))
			decide_by_policy(r, name, value, "found", NULL);
	}
	else if (bcd_payload_same(item->wanted, r->base, name))
	{
		if (!bcd_may_be_ours(item, field, got) && !bcd_payload_is_in_record(item->wanted, field, got) && !has_key_of_another(r, name, got))
			keep(r, name, value);
	}
	else if (conflicts && !bcd_payload_is_in_record(r->base, field, got) && !(item->sent && bcd_may_be_ours(item, field, got)))
		decide_by_policy(r, name, value, "edited", r->base);
	keep_base(r, name, got);
}

/* Is the record hidden, if the row does not say whether it should be? */
static void
look_at_hidden(Reading *r)
{
	const BcdResource *resource = r->item->lane->feed->resource;
	const cJSON *got = resource->hidden_by ? cJSON_GetObjectItemCaseSensitive(r->record, resource->hidden_by) : NULL;

	if (cJSON_IsBool(got) && bcd_payload_is_hidden(resource, r->item->wanted, r->item->known))
		r->known = bcd_payload_set_bool(r->known, resource->hidden_by, cJSON_IsTrue(got));
}

/*
 * Decides which fields of a record that was read ("read": what it is known to
 * hold) the row may write. Those that it may not count as if they agreed. A
 * record that was just found has no common past with the row.
 */
Jsonb *
bcd_without_edits(BcdItem *item, Jsonb *read, const cJSON *record)
{
	const BcdFeed *feed = item->lane->feed;
	bool		found = !item->linked || item->looked_up;
	Reading		r = {item, record};
	MemoryContext old;

	bcd_repeated_was_read(item, record);
	item->decision.judged = true;
	old = MemoryContextSwitchTo(item->cxt);
	read = bcd_with_shown(item, read, record);
	MemoryContextSwitchTo(old);
	/* nobody else has changed what we have just created */
	if (item->wanted == NULL || (found && item->lost_create))
		return read;
	r.known = read;
	r.base = found ? NULL : bcd_payload_merge(item->remembered, item->known);
	r.scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta conflicts", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(r.scratch);
	look_at_hidden(&r);
	MemoryContextSwitchTo(old);
	r.guarded = bcd_feed_is_guarded(feed);
	if (r.guarded)
	{
		item->decision.read_at = bcd_now_ms();
		bcd_conflicts_of(feed->name, bcd_linked_address_after(item), &r.current);
	}
	if (r.current.states && bcd_payload_has(r.current.states, BCD_WHOLE_RECORD))
		end(&r, BCD_WHOLE_RECORD);
	if (r.guarded || r.base)
		bcd_payload_each(item->wanted, look_at_field, &r);
	return bcd_payload_keep(r.known, r.scratch);
}

static bool
is_sent(const char *name, JsonbValue *value, void *fields)
{
	return bcd_payload_has(fields, name);
}

/* Returns fields to send, with the values that persons have decided on. */
static Jsonb *
with_values(Jsonb *fields, Jsonb *values)
{
	return fields ? bcd_payload_merge(fields, bcd_payload_filter(values, is_sent, fields)) : NULL;
}

/*
 * Puts values that persons have decided on in place of the row's into the
 * requests that an item's decision leads to.
 */
void
bcd_put_values(BcdItem *item)
{
	BcdDecision *d = &item->decision;
	Jsonb	   *values = d->judged ? d->values : item->values;
	MemoryContext old;
	ListCell   *lc;

	if (values == NULL)
		return;
	old = MemoryContextSwitchTo(item->cxt);
	d->body = with_values(d->body, values);
	foreach(lc, d->has_tasks ? d->tasks : NIL)
	{
		BcdTask    *task = lfirst(lc);

		if (task->facet->collection == NULL)
			task->fields = with_values(task->fields, values);
	}
	MemoryContextSwitchTo(old);
}

/* Records what decisions say about conflicts, in the caller's transaction. */
void
bcd_conflicts_record(const BcdLane *lane, BcdItem **items, int n)
{
	const char *feed = lane->feed->name;
	ListCell   *lc;
	int			i;

	for (i = 0; i < n; i++)
	{
		const BcdItem *item = items[i];
		const BcdDecision *d = &item->decision;
		bool		done = d->leaves && (d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_REVIEW);
		char	   *address;

		if (d->filed == NIL && d->over == NIL && d->ends == NIL && item->ends == NIL)
			continue;

		/*
		 * a row that has lost its record, and got no other one, has no
		 * conflict
		 */
		address = bcd_linked_address_after(item);
		if (address == NULL)
			continue;
		lane->feed->disputed |= d->filed != NIL;
		foreach(lc, d->filed)
			bcd_conflict_file(feed, item->key, address, bcd_store_id_after(item), lane->run->run_id, lfirst(lc));
		/* what was decided is done, once the record has been written */
		foreach(lc, d->link == BCD_LINK_PUT ? d->over : NIL)
			bcd_conflict_end(feed, address, lfirst(lc));
		foreach(lc, !done ? NIL : d->judged || d->ends ? d->ends : item->ends)
			bcd_conflict_end(feed, address, lfirst(lc));
	}
}
