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
#include "engine/adjust.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"
#include "engine/item_wants.h"
#include "engine/key_conflict.h"
#include "engine/key_holders.h"
#include "engine/keyed.h"
#include "engine/parts.h"
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

/* Why a person has kept a field as it is; what another rollback holds is no reason. */
static const char *
adjusted_words(const Merge *m, const char *field)
{
	ListCell   *lc;

	foreach(lc, m->adjusted)
		if (((BcdAdjustment *) lfirst(lc))->by_run == 0 && strcmp(((BcdAdjustment *) lfirst(lc))->field, field) == 0)
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
	m->item->unit->held = bcd_payload_merge(m->item->unit->held, value);
	/* a quantity that is not known is set, whatever it is */
	m->known = field->flags & BCD_F_COUNTED ? bcd_payload_without(m->known, field->name) :
		bcd_payload_merge(m->known, bcd_payload_from_json(field->name, cJSON_GetObjectItemCaseSensitive(m->record, field->name)));
	tell(m, field->name, bcd_payload_value(value, field->name), verdict, reason);
}

static JsonbValue *
value_in(Jsonb *payload, const BcdField *field)
{
	return getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), NULL);
}

/* Changes a quantity by what was written. */
static void
set_count(Merge *m, const BcdField *field, const BcdCount *count)
{
	const BcdUndoUnit *unit = m->item->unit;
	Jsonb	   *becomes = bcd_payload_set_integer(NULL, field->name, strtoll(count->becomes, NULL, 10));

	tell(m, field->name, bcd_payload_value(becomes, field->name), "undone",
		 bcd_rollback_has(unit->after, field, cJSON_GetObjectItemCaseSensitive(m->record, field->name)) ? NULL :
		 psprintf("changed by %s, since the store has changed it, too", count->by));
	m->item->unit->held = m->item->lane->undo_differences ? bcd_payload_set(m->item->unit->held, field->name, value_in(unit->before, field)) :
		bcd_payload_merge(m->item->unit->held, becomes);
	if (count->relative)
	{
		m->known = bcd_payload_set(m->known, field->name, value_in(unit->after, field));
		m->target = bcd_payload_set(m->target, field->name, value_in(unit->before, field));
	}
	else
	{
		m->known = bcd_payload_merge(m->known, bcd_payload_from_json(field->name, cJSON_GetObjectItemCaseSensitive(m->record, field->name)));
		m->target = bcd_payload_merge(m->target, becomes);
	}
}

/* Decides on a quantity; false: it is compared like any other value. */
static bool
merge_count(Merge *m, const BcdField *field)
{
	BcdCount	count = bcd_rollback_count(m->item, field, m->record);

	if (count.fate == BCD_COUNT_EDITED || adjusted_words(m, field->name) || m->item->unit->unfinished)
		return false;
	if (count.fate == BCD_COUNT_SAME)
		tell(m, field->name, NULL, "same", NULL);
	else if (count.fate == BCD_COUNT_CHANGED)
		set_count(m, field, &count);
	else if (count.fate == BCD_COUNT_TOO_LOW)
		tell(m, field->name, NULL, "impossible", psprintf("it would have to change by %s, which makes it too low", count.by));
	else
		tell(m, field->name, NULL, "impossible", "it is not known whether the store has changed it already; bcdelta.settle() tells");
	return true;
}

/* Decides on a field that is not a collection. */
static void
merge_field(Merge *m, const BcdField *field)
{
	const BcdUndoUnit *unit = m->item->unit;
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(m->record, field->name);
	const char *adjusted = adjusted_words(m, field->name);

	if (field->flags & (BCD_F_FIXED | BCD_F_CREATE_ONLY) && bcd_rollback_has(unit->before, field, got))
		return;
	if (field->flags & BCD_F_COUNTED && merge_count(m, field))
		return;
	if (field->flags & BCD_F_WRITE_ONLY)
		tell(m, field->name, NULL, "impossible", "the store does not tell its value");
	else if (!bcd_payload_has(unit->before, field->name))
		tell(m, field->name, NULL, "impossible", "it is not known what it was before");
	else if (bcd_rollback_has(unit->before, field, got))
	{
		m->known = bcd_payload_set(m->known, field->name, getKeyJsonValueFromContainer(&unit->before->root, field->name, strlen(field->name), NULL));
		m->target = bcd_payload_set(m->target, field->name, getKeyJsonValueFromContainer(&unit->before->root, field->name, strlen(field->name), NULL));
		m->item->unit->held = bcd_payload_set(m->item->unit->held, field->name, getKeyJsonValueFromContainer(&unit->before->root, field->name, strlen(field->name), NULL));
		tell(m, field->name, NULL, "same", NULL);
	}
	else if (adjusted)
		tell(m, field->name, NULL, "edited", adjusted);
	else if (unit->unfinished || bcd_rollback_is_ours(unit, field, got) || bcd_payload_has(m->item->aside, field->name))
		set_back(m, field, "undone", NULL);
	else if (m->item->lane->run->rollback->force)
		set_back(m, field, "forced", bcd_rollback_reason(m->item, field->name));
	else
		tell(m, field->name, NULL, "edited", bcd_rollback_reason(m->item, field->name));
}

/* Decides on the elements of a collection. */
static void
merge_collection(Merge *m, const BcdField *field)
{
	const BcdUndoUnit *unit = m->item->unit;
	bool		edited;
	bool		changed;
	Jsonb	   *target;

	/* a new record has what the store gave it, of what the feed does not map */
	if (unit->remade && !bcd_payload_has(m->now, field->name))
		return;
	target = bcd_rollback_elements(field, bcd_collection_of(unit->before, field->name),
								   unit->afters, bcd_collection_of(m->now, field->name),
								   m->item->lane->run->rollback->force || unit->unfinished, &changed, &edited);
	m->target = bcd_payload_set_collection(m->target, field->name, target);
	m->known = bcd_payload_set_collection(m->known, field->name, bcd_collection_of(m->now, field->name));
	if (changed || !edited)
		m->item->unit->held = bcd_payload_set_collection(m->item->unit->held, field->name, target);
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

/* Sets the fields of a record back that still are as they were written. */
static void
undo_update(BcdItem *item, const cJSON *record)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Merge		m = {item, record};

	/* each field makes a copy of all before it */
	m.now = bcd_collections_read(item, bcd_undo_seen(item, record), record);
	if (bcd_is_keyed(item))
		m.now = bcd_known_at(item->lane->feed->resource, bcd_item_address(item), m.now);
	m.known = m.target = item->known;
	if (bcd_is_keyed(item) && !item->linked)
		m.target = bcd_address_fields(item->lane->feed->resource, bcd_item_address(item));
	m.adjusted = item->lane->feed->adjusted ? bcd_adjustments_of(item->lane->feed->name, item->key) : NIL;
	item->unit->held = NULL;
	bcd_payload_each(item->unit->after, merge, &m);
	MemoryContextSwitchTo(item->cxt);
	m.known = bcd_payload_copy(m.known);
	m.target = bcd_payload_copy(m.target);
	item->unit->held = bcd_payload_copy(item->unit->held);
	MemoryContextDelete(scratch);
	item->unit->whole = item->unit->gone && m.kept == 0;
	if (m.changes == 0 || item->lane->run->rollback->preview)
	{
		bcd_rollback_nothing(item, m.kept);
		if (item->linked && !item->lane->run->rollback->preview)
		{
			/* it may have been forgotten by a rollback that was interrupted */
			bcd_decide_record(item)->known = m.known;
			/* a key that it gave up for a moment, before an interruption */
			item->decision.back = item->aside != NULL && m.kept == 0;
			item->decision.link = BCD_LINK_PUT;
		}
	}
	else
	{
		item->unit->kept |= m.kept > 0;
		item->wanted = m.target;
		item->known = bcd_decide_record(item)->known = m.known;
		bcd_item_wants_write(item, true);
		bcd_adjust_prepare(item, record);
		item->decision.conflicts = m.kept;
		/* who gives up a key in whose favour is seen from the links */
		if (!item->decision.leaves && item->decision.next == BCD_TURN && item->linked)
			item->decision.link = BCD_LINK_PUT;
		else if (!item->decision.leaves)
			item->decision.link = BCD_LINK_FORGET;
	}
	MemoryContextSwitchTo(old);
}

/* A record was read; NULL: the store has none. */
void
bcd_rollback_read(BcdItem *item, const cJSON *record)
{
	BcdUndoUnit *unit = item->unit;

	unit->sent |= item->attempts > 0 || item->refusal != NULL;
	if (item->in_doubt && item->reread && bcd_adjust_read(item, record))
		return;
	if (item->refusal)
	{
		unit->kept = true;
		bcd_decide_refused(item, item->refusal);
		item->decision.status = item->refusal_status;
	}
	else if (record && bcd_was_created(item))
		bcd_rollback_continue_making(item, record);
	else if (record == NULL && unit->existed && !unit->exists)
		bcd_rollback_make_again(item);
	else if (record == NULL && unit->existed)
		bcd_rollback_impossible(item, "the record is no longer in the store");
	else if (record == NULL)
	{
		unit->whole = true;
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was created, and is no longer in the store");
		bcd_decide_done(item, unit->sent ? BCD_DELETED : BCD_UNCHANGED, item->linked ? BCD_LINK_REMOVE : BCD_LINK_KEEP);
	}
	else if (!unit->existed)
		bcd_rollback_created(item, record);
	else if (!unit->exists)
	{
		unit->whole = true;
		bcd_rollback_tell(item, NULL, NULL, NULL, "same", "the record was not deleted");
		bcd_rollback_nothing(item, 0);
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
		bcd_rollback_nothing(item, 0);	/* it was not created */
	else if (store_id == 0)
		bcd_rollback_make_again(item);
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
		unit->whole = true;
		bcd_decide_done(item, BCD_CREATED, BCD_LINK_PUT);
	}
	else
		bcd_rollback_impossible(item, psprintf("a record with its key is in the store again, with id " INT64_FORMAT, store_id));
}
