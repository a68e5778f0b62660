/*
 * natural_key.c
 *		Natural keys, by which records of the store are found.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "engine/stage.h"
#include "feed/difference.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Returns the payload with the natural key that an item is looked up by. */
Jsonb *
bcd_identity(const BcdItem *item)
{
	return item->lookup_reason == BCD_REASON_LOST_CREATE ? item->lost_create : item->wanted;
}

/*
 * Has the store just revealed something unexpected?  Then nothing read or
 * known earlier can be relied on.
 */
bool
bcd_reason_is_unexpected(BcdLookupReason reason)
{
	return reason != BCD_REASON_RECORD && reason != BCD_REASON_LOST_CREATE;
}

/*
 * Returns the first natural key that a payload has, starting with the nth, in
 * the item's memory context, and sets *nth to its number; NULL: it has none.
 */
static char *
find_key(const BcdItem *item, Jsonb *payload, int *nth)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *text = NULL;
	int			i;

	for (i = *nth; bcd_resource_key(r, i) && (text == NULL || text[0] == '\0'); i++)
		text = bcd_payload_text(payload, bcd_resource_key(r, i));
	MemoryContextSwitchTo(old);
	*nth = i - 1;
	return text && text[0] ? text : NULL;
}

/*
 * Decides that an item which continues is known by its row's own key from now
 * on.
 */
void
bcd_decide_own_key(BcdItem *item)
{
	BcdDecision *d = &item->decision;

	d->natural_index = 0;
	d->natural = find_key(item, item->wanted, &d->natural_index);
	if (d->lookup_reason == BCD_REASON_LOST_CREATE)
		d->lookup_reason = BCD_REASON_RECORD;
}

/*
 * Decides that the item is looked up by the first natural key that its row
 * has, or had when its create was lost.  A row without any is invalid.
 */
void
bcd_decide_lookup(BcdItem *item, BcdLookupReason reason)
{
	BcdDecision *d = &item->decision;
	Jsonb	   *payload = reason == BCD_REASON_LOST_CREATE ? item->lost_create : item->wanted;

	bcd_decide_stage(item, BCD_LOOKUP);
	d->lookup_reason = reason;
	d->natural_index = 0;
	d->natural = find_key(item, payload, &d->natural_index);
	if (d->natural == NULL)
		bcd_decide_failed(item, BCD_INVALID,
						  MemoryContextStrdup(item->cxt,
											  bcd_flaw_of_key(item->lane->feed->resource, payload)));
}

/*
 * An item's record belongs to another row.  Decides that the item is looked up
 * as if it had none.
 */
void
bcd_decide_let_go(BcdItem *item)
{
	BcdItemRecord *record = bcd_decide_record(item);

	/* nothing of the record is left that others have meant to be so */
	if (item->whole)
		item->wanted = item->whole;
	record->known = record->remembered = record->sent = NULL;
	record->store_id = 0;
	bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
	item->decision.link = BCD_LINK_REMOVE;
}

/*
 * The record that an item is linked to no longer exists.  Decides that the
 * item is looked up by its key in the store itself, since its index may be
 * outdated.
 */
void
bcd_decide_gone(BcdItem *item)
{
	item->decision.gone_id = item->store_id;
	if (item->wanted == NULL)
		bcd_decide_done(item, item->body ? BCD_HIDDEN : BCD_DELETED, BCD_LINK_REMOVE);
	else if (item->lane->feed->options.stale_fails && !item->looked_up)
	{
		bcd_decide_refused(item,
						   MemoryContextStrdup(item->cxt,
											   psprintf("record " INT64_FORMAT " is no longer in the store",
														item->store_id)));
		item->decision.link = BCD_LINK_FORGET;
	}
	else
		bcd_decide_let_go(item);
}

/*
 * Is an item's record made without being looked up?  Not if it may have been
 * made before, or if the store's list has been read anyway.
 */
static bool
is_made_at_once(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;

	return r->upserts ||
		(r->guarded && item->lost_create == NULL && item->attempts == 0 && item->lane->gates->index == NULL);
}

/*
 * Decides that the item is found by its row's key, or written by it without
 * being looked up.
 */
void
bcd_decide_find(BcdItem *item)
{
	bcd_decide_lookup(item, BCD_REASON_RECORD);
	if (is_made_at_once(item) && !item->decision.leaves)
		item->decision.next = BCD_TURN;
}

/*
 * Decides that the item is looked up by its next natural key.  No record is
 * linked by that key, but a write may have been refused as a duplicate of it.
 * Returns false, and decides nothing, if the row has none.
 */
bool
bcd_look_up_next_key(BcdItem *item)
{
	BcdDecision *d = &item->decision;
	int			nth = item->natural_index + 1;
	char	   *text = find_key(item, item->wanted, &nth);

	if (text == NULL)
		return false;
	bcd_decide_stage(item, BCD_LOOKUP);
	d->lookup_reason = BCD_REASON_NEXT_HOLDER;
	d->natural = text;
	d->natural_index = nth;
	return true;
}

/*
 * The create of an item was refused as a duplicate, but not of a record below
 * its parent.  Decides that its key is looked for in the whole store; false, and
 * nothing is decided: there it may be.
 */
bool
bcd_look_everywhere(BcdItem *item)
{
	if (!item->lane->feed->resource->keys_everywhere)
		return false;
	bcd_decide_stage(item, BCD_LOOKUP);
	item->decision.lookup_reason = BCD_REASON_NEXT_HOLDER;
	return true;
}

/* Returns the parent within which the natural key is unique; 0: none. */
int64
bcd_scope_of(BcdLane *lane, BcdItem *item)
{
	const char *scope = lane->feed->resource->parent;

	return scope ? bcd_payload_integer(bcd_identity(item), scope) : 0;
}

/* Returns the text within which the natural key is unique; NULL: none. */
char *
bcd_within_text(BcdItem *item)
{
	const char *within = item->lane->feed->resource->within;

	return within ? bcd_payload_text(bcd_identity(item), within) : NULL;
}

/* Returns the same as a payload of one field, or of none. */
Jsonb *
bcd_within_of(const BcdResource *r, Jsonb *payload)
{
	char	   *text = r->within ? bcd_payload_text(payload, r->within) : NULL;
	JsonbValue	v;

	if (text == NULL)
		return bcd_payload_empty();
	v.type = jbvString;
	v.val.string.val = text;
	v.val.string.len = strlen(text);
	return bcd_payload_set(NULL, r->within, &v);
}

/* Is a record of a reply within the same text as an item, as far as it tells? */
bool
bcd_is_within(BcdItem *item, const cJSON *record)
{
	char	   *text = bcd_within_text(item);
	const cJSON *value = text ? cJSON_GetObjectItemCaseSensitive(record, item->lane->feed->resource->within) : NULL;

	return value == NULL || (cJSON_IsString(value) && strcmp(value->valuestring, text) == 0);
}

/*
 * Is a record with an item's natural key another one nevertheless, as far as it
 * tells: one of another channel?
 */
bool
bcd_record_is_apart(const BcdItem *item, const cJSON *record)
{
	const char *field = item->lane->feed->resource->keys[item->natural_index].apart_by;
	int64		wanted = field ? bcd_payload_integer(bcd_identity(item), field) : 0;
	int64		has;

	return wanted != 0 && bcd_json_field_int64(record, field, &has) && has != wanted;
}

/*
 * Returns the value of the field with a default, for a row that does not set
 * it.
 */
int64
bcd_default_of(const BcdLane *lane, const BcdItem *item)
{
	int64		option = item->lane->feed->options.tree_id;

	return option ? option : lane->gates->default_id;
}

/*
 * Returns the tree in which a top-level record is looked up; 0: its parent
 * determines it, or there are no trees.
 */
int64
bcd_defaulted_of(BcdLane *lane, BcdItem *item)
{
	const BcdResource *r = lane->feed->resource;
	int64		tree;

	if (r->defaulted == NULL || bcd_scope_of(lane, item) != 0)
		return 0;
	tree = bcd_payload_integer(bcd_identity(item), r->defaulted);
	return tree ? tree : bcd_default_of(lane, item);
}

/* Does a facet write a natural key, which another row may be about to leave? */
bool
bcd_facet_has_key(const BcdItem *item, BcdStage stage)
{
	const BcdResource *r = item->lane->feed->resource;
	const char *field;
	int			i;

	for (i = 0; BCD_IS_FACET(stage) && (field = bcd_resource_key(r, i)) != NULL; i++)
		if (bcd_payload_has(((BcdTask *) linitial(item->tasks))->fields, field))
			return true;
	return false;
}
