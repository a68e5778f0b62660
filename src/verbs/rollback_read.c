/*
 * rollback_read.c
 *		Decides what of a record is set back, now that it was read.
 *
 * Of each field that was written there are three values: what it was before,
 * what we wrote, and what the store holds now.
 *
 *     now                       is
 *     as it was before          left: it was not written, or is set back already
 *     as we wrote it            set back
 *     anything else             kept, because somebody has changed it since,
 *                               unless the rollback is forced
 *
 * Elements of collections are compared one by one in the same way.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/facets.h"
#include "engine/item_wants.h"
#include "engine/key_conflict.h"
#include "engine/key_holders.h"
#include "engine/keyed.h"
#include "engine/undo_arm.h"
#include "engine/undo_image.h"
#include "engine/unmapped_fields.h"
#include "feed/feed.h"
#include "payload/address.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/link.h"
#include "tables/undo.h"
#include "verbs/rollback.h"

typedef struct Merge
{
	BcdItem    *item;
	const cJSON *record;
	Jsonb	   *now;			/* what the record holds */
	Jsonb	   *known;			/* the same of fields that are set back; of
								 * others, what was known before: what others
								 * have changed stays as if it were not known */
	Jsonb	   *target;			/* what it is to hold */
	List	   *adjusted;
	int			changes;
	int			kept;
} Merge;

static void
tell(Merge *m, const char *field, Jsonb *becomes, const char *verdict, const char *reason)
{
	bcd_rollback_tell(m->item, field, bcd_payload_value(m->now, field), becomes, verdict, reason);
	m->changes += strcmp(verdict, "undone") == 0 || strcmp(verdict, "forced") == 0;
	m->kept += strcmp(verdict, "edited") == 0 || strcmp(verdict, "impossible") == 0;
}

/* Why somebody else's value is kept: a later run of ours may have written it. */
static const char *
reason_of_edit(const Merge *m, const char *field)
{
	const BcdItem *item = m->item;
	const BcdFeed *feed = item->lane->feed;
	int64		run_id = bcd_undo_later(feed->name, feed->feed_id,
										bcd_is_keyed(item) ? bcd_item_address(item) : psprintf(INT64_FORMAT, item->store_id),
										item->unit->last_id, item->unit->last_run, field);

	return run_id != 0 ? psprintf("run " INT64_FORMAT " has written it since; rollback_since() undoes both", run_id) :
		"somebody else has changed it since";
}

static bool
has_value(Jsonb *payload, const BcdField *field, const cJSON *got)
{
	JsonbValue	v;

	return payload && getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), &v) &&
		bcd_payload_agrees(field, &v, got);
}

/* Has a field one of the values that we have written? */
static bool
is_ours(const BcdUndoUnit *unit, const BcdField *field, const cJSON *got)
{
	ListCell   *lc;

	foreach(lc, unit->afters)
		if (has_value(lfirst(lc), field, got))
		return true;
	return false;
}

/*
 * Returns the old value of a field as it can be sent, as a payload; NULL: a
 * record that has a value cannot be made to have none.
 */
static Jsonb *
old_value(const Merge *m, const BcdField *field)
{
	JsonbValue	v;

	(void) getKeyJsonValueFromContainer(&m->item->unit->before->root, field->name, strlen(field->name), &v);
	if (v.type == jbvNull && !(field->flags & BCD_F_NULLABLE))
	{
		if (field->type != BCD_STRING || field->min > 0)
			return NULL;
		v.type = jbvString;
		v.val.string.val = "";
		v.val.string.len = 0;
	}
	return bcd_payload_set(NULL, field->name, &v);
}

static const char *
adjusted_words(const Merge *m, const char *field)
{
	ListCell   *lc;

	foreach(lc, m->adjusted)
		if (strcmp(((BcdAdjustment *) lfirst(lc))->field, field) == 0)
		return ((BcdAdjustment *) lfirst(lc))->words;
	return NULL;
}

static void
set_back(Merge *m, const BcdField *field, const char *verdict, const char *reason)
{
	Jsonb	   *value = old_value(m, field);

	if (value == NULL)
	{
		tell(m, field->name, NULL, "impossible", "it had no value, and the API cannot take a value away");
		return;
	}
	m->target = bcd_payload_merge(m->target, value);
	m->known = bcd_payload_merge(m->known, bcd_payload_from_json(field->name, cJSON_GetObjectItemCaseSensitive(m->record, field->name)));
	tell(m, field->name, bcd_payload_value(value, field->name), verdict, reason);
}

/* Decides on a field that is not a collection. */
static void
merge_field(Merge *m, const BcdField *field)
{
	const BcdUndoUnit *unit = m->item->unit;
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(m->record, field->name);
	const char *adjusted = adjusted_words(m, field->name);

	if (field->flags & (BCD_F_FIXED | BCD_F_CREATE_ONLY) && has_value(unit->before, field, got))
		return;
	if (field->flags & BCD_F_WRITE_ONLY)
		tell(m, field->name, NULL, "impossible", "the store does not tell its value");
	else if (!bcd_payload_has(unit->before, field->name))
		tell(m, field->name, NULL, "impossible", "it is not known what it was before");
	else if (has_value(unit->before, field, got))
	{
		m->known = bcd_payload_set(m->known, field->name, getKeyJsonValueFromContainer(&unit->before->root, field->name, strlen(field->name), NULL));
		m->target = bcd_payload_set(m->target, field->name, getKeyJsonValueFromContainer(&unit->before->root, field->name, strlen(field->name), NULL));
		tell(m, field->name, NULL, "same", NULL);
	}
	else if (adjusted)
		tell(m, field->name, NULL, "edited", adjusted);
	else if (is_ours(unit, field, got) || bcd_payload_has(m->item->aside, field->name))
		set_back(m, field, "undone", NULL);
	else if (m->item->lane->run->rollback->force)
		set_back(m, field, "forced", reason_of_edit(m, field->name));
	else
		tell(m, field->name, NULL, "edited", reason_of_edit(m, field->name));
}

/* Decides on the elements of a collection. */
static void
merge_collection(Merge *m, const BcdField *field)
{
	const BcdUndoUnit *unit = m->item->unit;
	bool		edited;
	bool		changed;
	Jsonb	   *target = bcd_rollback_elements(field, bcd_collection_of(unit->before, field->name),
											   unit->afters, bcd_collection_of(m->now, field->name),
											   m->item->lane->run->rollback->force, &changed, &edited);

	m->target = bcd_payload_set_collection(m->target, field->name, target);
	m->known = bcd_payload_set_collection(m->known, field->name, bcd_collection_of(m->now, field->name));
	if (edited)
		tell(m, field->name, changed ? bcd_payload_value(m->target, field->name) : NULL, "edited",
			 "somebody else has changed elements since, which are kept");
	else
		tell(m, field->name, changed ? bcd_payload_value(m->target, field->name) : NULL, changed ? "undone" : "same", NULL);
	m->changes += edited && changed;
}

static void
merge(const char *name, JsonbValue *value, void *arg)
{
	Merge	   *m = arg;
	const BcdField *field = bcd_resource_field(m->item->lane->feed->resource, name);

	if (field == NULL || (bcd_is_keyed(m->item) && bcd_is_address_field(m->item->lane->feed->resource, name)))
		return;
	if (BCD_IS_COLLECTION(field))
		merge_collection(m, field);
	else
		merge_field(m, field);
}

/* Ends an item for which nothing is sent. */
static void
decide_nothing(BcdItem *item, int kept)
{
	item->unit->kept |= kept > 0;
	bcd_decide_done(item, item->unit->sent && kept == 0 ? BCD_UPDATED : BCD_UNCHANGED, BCD_LINK_KEEP);
	item->decision.conflicts = kept;
}

static void
decide_impossible(BcdItem *item, const char *reason)
{
	bcd_rollback_tell(item, NULL, NULL, NULL, "impossible", reason);
	decide_nothing(item, 1);
	item->decision.error = MemoryContextStrdup(item->cxt, reason);
}

static bool
is_preview(const BcdItem *item)
{
	return item->lane->run->rollback->preview;
}

/* Sets the fields of a record back that still are as they were written. */
static void
undo_update(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	Merge		m = {item, record};

	m.now = bcd_collections_read(item, bcd_undo_seen(item, record), record);
	if (bcd_is_keyed(item))
		m.now = bcd_known_at(item->lane->feed->resource, bcd_item_address(item), m.now);
	m.known = m.target = item->known;
	if (bcd_is_keyed(item) && !item->linked)
		m.target = bcd_address_fields(item->lane->feed->resource, bcd_item_address(item));
	m.adjusted = item->lane->feed->adjusted ? bcd_adjustments_of(item->lane->feed->name, item->key) : NIL;
	bcd_payload_each(item->unit->after, merge, &m);
	if (m.changes == 0 || is_preview(item))
	{
		decide_nothing(item, m.kept);
		if (item->linked && !is_preview(item))
		{
			/* it may have been forgotten by a rollback that was interrupted */
			bcd_decide_record(item)->known = m.known;
			item->decision.link = BCD_LINK_PUT;
		}
	}
	else
	{
		item->unit->kept |= m.kept > 0;
		item->wanted = m.target;
		bcd_decide_record(item)->known = m.known;
		bcd_item_wants_write(item, true);
		item->decision.conflicts = m.kept;
		/* who gives up a key in whose favour is seen from the links */
		if (!item->decision.leaves && item->decision.next == BCD_TURN && item->linked)
			item->decision.link = BCD_LINK_PUT;
		else if (!item->decision.leaves)
			item->decision.link = BCD_LINK_FORGET;
	}
	MemoryContextSwitchTo(old);
}

/* Has somebody else changed a record that was created? */
static void
note_edited(const char *name, JsonbValue *value, void *arg)
{
	Merge	   *m = arg;
	const BcdField *field = bcd_resource_field(m->item->lane->feed->resource, name);

	if (field && !BCD_IS_COLLECTION(field) && !(field->flags & (BCD_F_WRITE_ONLY | BCD_F_CREATE_ONLY)) &&
		!is_ours(m->item->unit, field, cJSON_GetObjectItemCaseSensitive(m->record, name)))
		tell(m, name, NULL, "edited", reason_of_edit(m, name));
}

static void
decide_hiding(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	const cJSON *shown = cJSON_GetObjectItemCaseSensitive(record, r->hidden_by);
	Jsonb	   *body = bcd_payload_set_bool(NULL, r->hidden_by, r->hidden_when);

	if (cJSON_IsBool(shown) && cJSON_IsTrue(shown) == r->hidden_when)
	{
		bcd_rollback_tell(item, r->hidden_by, NULL, NULL, "same", "the record was created, and is hidden already");
		decide_nothing(item, 0);
		return;
	}
	bcd_rollback_tell(item, r->hidden_by, bcd_payload_value(bcd_payload_from_json(r->hidden_by, shown), r->hidden_by),
					  bcd_payload_value(body, r->hidden_by), "undone", "the record was created, and is hidden");
	if (is_preview(item))
	{
		decide_nothing(item, 0);
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
	Merge		m = {item, record};

	m.now = bcd_undo_seen(item, record);
	if (!item->lane->run->rollback->force)
		bcd_payload_each(item->unit->after, note_edited, &m);
	if (m.kept > 0)
	{
		decide_nothing(item, m.kept);
		return;
	}
	bcd_rollback_tell(item, NULL, NULL, NULL, "undone", "the record was created, and is deleted");
	if (is_preview(item))
	{
		decide_nothing(item, 0);
		return;
	}
	if (!bcd_is_keyed(item))
		bcd_decide_record(item)->image = bcd_undo_image(item, record);
	else if (!item->linked)
		bcd_decide_record(item)->known = item->unit->after;
	item->wanted = NULL;
	bcd_decide_stage(item, BCD_REMOVE);
	item->decision.gone_id = item->store_id;
}

/* Hides, deletes or keeps a record that was created. */
static void
undo_create(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUndoCreated created = item->lane->run->rollback->created;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (created == BCD_CREATED_KEEP)
	{
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was created, and is kept");
		decide_nothing(item, 1);
		item->decision.conflicts = 0;
	}
	else if (created == BCD_CREATED_HIDE && r->hidden_by == NULL)
		decide_impossible(item, psprintf("records of resource \"%s\" cannot be hidden; created => 'delete' deletes it", r->name));
	else if (created == BCD_CREATED_HIDE)
		decide_hiding(item, record);
	else if (r->facets->remove.endpoint == NULL)
		decide_impossible(item, psprintf("records of resource \"%s\" cannot be deleted", r->name));
	else
		decide_removal(item, record);
	MemoryContextSwitchTo(old);
}

/* The record was deleted, and is made again. */
static void
make_again(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	bcd_rollback_tell(item, NULL, NULL, item->unit->before, "undone", "the record was deleted, and is made again; it gets a new id");
	if (is_preview(item))
		decide_nothing(item, 0);
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
static void
continue_making(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	bcd_decide_record(item)->known = bcd_payload_merge(bcd_undo_seen(item, record), bcd_item_known_read(item, record));
	if (!bcd_elements_are_due(item))
		item->wanted = without_untold(item, bcd_record_after(item).known);
	MemoryContextSwitchTo(old);
	bcd_item_wants_write(item, true);
	bcd_decide_link_read(item);
}

/* A record was read; NULL: the store has none. */
void
bcd_rollback_read(BcdItem *item, const cJSON *record)
{
	BcdUndoUnit *unit = item->unit;

	unit->sent |= item->attempts > 0 || item->refusal != NULL;
	if (item->refusal)
	{
		unit->kept = true;
		bcd_decide_refused(item, item->refusal);
		item->decision.status = item->refusal_status;
	}
	else if (record && bcd_was_created(item))
		continue_making(item, record);
	else if (record == NULL && unit->existed && !unit->exists)
		make_again(item);
	else if (record == NULL && unit->existed)
		decide_impossible(item, "the record is no longer in the store");
	else if (record == NULL)
	{
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was created, and is no longer in the store");
		bcd_decide_done(item, unit->sent ? BCD_DELETED : BCD_UNCHANGED, item->linked ? BCD_LINK_REMOVE : BCD_LINK_KEEP);
	}
	else if (!unit->existed)
		undo_create(item, record);
	else if (!unit->exists)
	{
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was not deleted");
		decide_nothing(item, 0);
	}
	else
		undo_update(item, record);
}

/*
 * A record was looked up: one that a lost request may have created, or one that
 * is to be made again.
 */
void
bcd_rollback_lookup(BcdItem *item, int64 store_id, const cJSON *record)
{
	BcdUndoUnit *unit = item->unit;

	if (item->lookup_reason == BCD_REASON_KEY_HOLDER && store_id != 0 && store_id != item->store_id && item->clashes < 2)
	{
		/* both may exchange them */
		bcd_unique_learn(item, item->lane->feed->name, store_id);
		bcd_decide_stage(item, BCD_TURN);
	}
	else if (item->lookup_reason == BCD_REASON_KEY_HOLDER)
		bcd_decide_key_holder(item, store_id, record);
	else if (item->lookup_reason == BCD_REASON_NEXT_HOLDER)
		bcd_decide_next_holder(item, store_id);
	else if (store_id == 0 && !unit->existed)
		decide_nothing(item, 0);	/* it was not created */
	else if (store_id == 0)
		make_again(item);
	else if (!unit->existed)
	{
		bcd_decide_record(item)->store_id = store_id;
		bcd_decide_stage(item, BCD_READ);
		item->decision.whole = item->lane->run->rollback->created == BCD_CREATED_DELETE;
	}
	else if (bcd_undo_is_lost(item->lane->feed->name, item->key))
	{
		/* by a request of ours whose reply was lost */
		bcd_undo_found(item->lane->feed->name, item->key, store_id, NULL);
		bcd_decide_record(item)->store_id = store_id;
		bcd_decide_record(item)->known = record ? bcd_item_known_read(item, record) : NULL;
		bcd_decide_done(item, BCD_CREATED, BCD_LINK_PUT);
	}
	else
		decide_impossible(item, psprintf("a record with its key is in the store again, with id " INT64_FORMAT, store_id));
}
