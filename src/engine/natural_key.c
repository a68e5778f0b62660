/*
 * natural_key.c
 *		Natural keys: what a record of the store is found by.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "feed/difference.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* The payload whose natural key an item is looked up by. */
Jsonb *
bcd_identity(const BcdItem *item)
{
	return item->lookup_reason == BCD_REASON_LOST_CREATE ? item->lost_create : item->wanted;
}

/*
 * Has the store just told what was not foreseen?  Then nothing that was known
 * of it before, or read of it, is good enough.
 */
bool
bcd_reason_is_unexpected(BcdLookupReason reason)
{
	return reason != BCD_REASON_RECORD && reason != BCD_REASON_LOST_CREATE;
}

/*
 * The first natural field that a payload has, of those from the nth on, which
 * becomes that one's number; in the item's memory.  NULL: it has none.
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

/* An item that was decided to go on is known by its row's own key from now on. */
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
 * The item is looked up by the first natural field that its row has, or had
 * when its create was lost.  A row without any is invalid.
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
											  bcd_flaw_of_key(item->lane->feed->resource)));
}

/* An item's record is not its row's: it is looked up as if it had none. */
void
bcd_decide_let_go(BcdItem *item)
{
	BcdItemRecord *record = bcd_decide_record(item);

	record->known = record->remembered = NULL;
	record->store_id = 0;
	bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
	item->decision.link = BCD_LINK_REMOVE;
}

/*
 * The record that an item is linked to is not there: whatever is there now,
 * it is found by its key, in the store itself.
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
 * The next natural field is not what a record is found by, but it may be what
 * a duplicate is of: who has it?  False, and nothing is decided: the row has
 * none.
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

/* The parent below which the natural key is unique; 0: none. */
int64
bcd_scope_of(BcdLane *lane, BcdItem *item)
{
	const char *scope = lane->feed->resource->parent;

	return scope ? bcd_payload_integer(bcd_identity(item), scope) : 0;
}

/* The value of the field with a default, of a row that has none. */
int64
bcd_default_of(const BcdLane *lane, const BcdItem *item)
{
	int64		option = item->lane->feed->options.tree_id;

	return option ? option : lane->gates->default_id;
}

/*
 * The tree that a record at the top is looked up in; 0: its parent tells, or
 * there are no trees.
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
