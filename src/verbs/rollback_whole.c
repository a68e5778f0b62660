/*
 * rollback_whole.c
 *		Decides about records that were created or deleted, in a rollback: they
 *		are hidden or removed, and made again.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/item_wants.h"
#include "engine/keyed.h"
#include "engine/undo_image.h"
#include "engine/unmapped_fields.h"
#include "feed/feed.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "verbs/rollback.h"

typedef struct Edits
{
	BcdItem    *item;
	const cJSON *record;
	Jsonb	   *now;
	int			kept;
} Edits;

/* Has somebody else changed a record that was created? */
static void
note_edited(const char *name, JsonbValue *value, void *arg)
{
	Edits	   *e = arg;
	const BcdField *field = bcd_resource_field(e->item->lane->feed->resource, name);

	if (field == NULL || BCD_IS_COLLECTION(field) || (field->flags & (BCD_F_WRITE_ONLY | BCD_F_CREATE_ONLY)) ||
		bcd_rollback_is_ours(e->item->unit, field, cJSON_GetObjectItemCaseSensitive(e->record, name)))
		return;
	bcd_rollback_tell(e->item, name, bcd_payload_value(e->now, name), NULL, "edited", bcd_rollback_reason(e->item, name));
	e->kept++;
}

/*
 * Is a record that was created left as it is, since somebody else has changed it?
 * One that is only known by its natural key may not even be ours.
 */
static bool
is_kept(BcdItem *item, const cJSON *record)
{
	Edits		edits = {item, record, bcd_undo_seen(item, record)};

	if (!item->lane->run->rollback->force)
		bcd_payload_each(item->unit->after, note_edited, &edits);
	if (edits.kept > 0)
		bcd_rollback_nothing(item, edits.kept);
	return edits.kept > 0;
}

static void
decide_hiding(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	const cJSON *shown = cJSON_GetObjectItemCaseSensitive(record, r->hidden_by);
	Jsonb	   *body = bcd_payload_set_bool(NULL, r->hidden_by, r->hidden_when);

	if (item->unit->lost && is_kept(item, record))
		return;
	item->unit->whole = true;
	if (cJSON_IsBool(shown) && cJSON_IsTrue(shown) == r->hidden_when)
	{
		bcd_rollback_tell(item, r->hidden_by, NULL, NULL, "same", "the record was created, and is hidden already");
		bcd_rollback_nothing(item, 0);
		return;
	}
	bcd_rollback_tell(item, r->hidden_by, bcd_payload_value(bcd_payload_from_json(r->hidden_by, shown), r->hidden_by),
					  bcd_payload_value(body, r->hidden_by), "undone", "the record was created, and is hidden");
	if (item->lane->run->rollback->preview)
	{
		bcd_rollback_nothing(item, 0);
		return;
	}
	if (cJSON_IsBool(shown))
		bcd_decide_record(item)->known = bcd_payload_set_bool(item->known, r->hidden_by, cJSON_IsTrue(shown));
	item->wanted = NULL;
	bcd_decide_stage(item, BCD_UPDATE);
	item->decision.body = body;
	item->decision.link = item->linked ? BCD_LINK_HIDING : BCD_LINK_KEEP;
}

static void
decide_removal(BcdItem *item, const cJSON *record)
{
	if (is_kept(item, record))
		return;
	item->unit->whole = true;
	bcd_rollback_tell(item, NULL, NULL, NULL, "undone", "the record was created, and is deleted");
	if (item->lane->run->rollback->preview)
	{
		bcd_rollback_nothing(item, 0);
		return;
	}
	if (!bcd_is_keyed(item))
		bcd_decide_record(item)->image = bcd_undo_image(item, record);
	else if (!item->linked || !bcd_has_contents(item->lane->feed->resource, item->known))
		bcd_decide_record(item)->known = item->unit->after;
	item->wanted = NULL;
	bcd_decide_stage(item, BCD_REMOVE);
	item->decision.gone_id = item->store_id;
}

/* A record was created with a value that makes the store do something at once. */
static void
tell_once(const char *name, JsonbValue *value, void *arg)
{
	BcdItem    *item = arg;
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	const int	flags = BCD_F_WRITE_ONLY | BCD_F_CREATE_ONLY;

	if (field && field->type == BCD_BOOLEAN && (field->flags & flags) == flags && value->type == jbvBool && value->val.boolean)
		bcd_rollback_tell(item, name, NULL, NULL, "impossible", "the store has done this when the record was created, such as sending a mail");
}

/* Hides, deletes or keeps a record that was created. */
void
bcd_rollback_created(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUndoCreated created = item->lane->run->rollback->created;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	bcd_payload_each(item->unit->after, tell_once, item);
	if (created == BCD_CREATED_KEEP)
	{
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was created, and is kept");
		bcd_rollback_nothing(item, 1);
		item->decision.conflicts = 0;
	}
	else if (created == BCD_CREATED_HIDE && r->hidden_by == NULL)
		bcd_rollback_impossible(item, psprintf("records of resource \"%s\" cannot be hidden; created => 'delete' deletes it", r->name));
	else if (created == BCD_CREATED_HIDE)
		decide_hiding(item, record);
	else if (r->facets->remove.endpoint == NULL)
		bcd_rollback_impossible(item, psprintf("records of resource \"%s\" cannot be deleted", r->name));
	else
		decide_removal(item, record);
	MemoryContextSwitchTo(old);
}

/* The record was deleted, and is made again. */
void
bcd_rollback_make_again(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	item->unit->whole = true;
	bcd_rollback_tell(item, NULL, NULL, item->unit->before, "undone", "the record was deleted, and is made again; it gets a new id");
	if (item->lane->run->rollback->preview)
		bcd_rollback_nothing(item, 0);
	else
	{
		BcdItemRecord *after = bcd_decide_record(item);

		item->wanted = item->unit->before;
		after->store_id = 0;
		after->known = after->remembered = NULL;
		if (bcd_is_keyed(item))
			bcd_item_wants_write(item, true);
		else
			bcd_decide_stage(item, BCD_TURN);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Returns what an item wants without collections of which the store does not
 * tell what a new record has of them: only those that the feed does not map.
 */
static Jsonb *
without_untold(const BcdItem *item, Jsonb *known)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *wanted = item->wanted;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (BCD_IS_COLLECTION(&r->fields[i]) && bcd_payload_has(wanted, r->fields[i].name) && !bcd_payload_has(known, r->fields[i].name))
			wanted = bcd_payload_without(wanted, r->fields[i].name);
	return wanted;
}

/* A record was made again, and read, since not all of it goes with the create. */
void
bcd_rollback_continue_making(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	bcd_decide_record(item)->known = bcd_payload_merge(bcd_undo_seen(item, record), bcd_item_known_read(item, record));
	if (!bcd_elements_are_due(item))
		item->wanted = without_untold(item, bcd_record_after(item).known);
	MemoryContextSwitchTo(old);
	bcd_item_wants_write(item, true);
	bcd_decide_link_read(item);
}
