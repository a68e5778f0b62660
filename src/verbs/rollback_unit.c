/*
 * rollback_unit.c
 *		Which writes to a record are undone together, and what that takes.
 *
 * The first write to a field says what it was before, the last one what it was
 * set to; those in between do not matter.  A row whose record was removed and
 * made again, since it could not follow the row, has one record before and
 * another one after: that gets the contents of the first.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "engine/natural_key.h"
#include "engine/queue.h"
#include "engine/undo_image.h"
#include "feed/feed.h"
#include "payload/address.h"
#include "payload/counted.h"
#include "payload/made_key.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/rollback_field.h"
#include "tables/undo.h"
#include "verbs/rollback.h"

static bool
is_not_in(const char *name, JsonbValue *value, void *payload)
{
	return !bcd_payload_has(payload, name);
}

/* Returns the writes that this rollback is to undo. */
static List *
those_to_undo(const BcdRun *run, List *writes)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, writes)
		if (run->rollback->again || !((BcdUndone *) lfirst(lc))->undone)
		list = lappend(list, lfirst(lc));
	return list;
}

static bool
is_action(const BcdUndone *write, const char *action)
{
	return strcmp(write->action, action) == 0;
}

/*
 * Adds a write.  Fields that an earlier write has changed without that it is
 * known what they were cannot be set back, whatever later writes say.
 */
static void
add(BcdUndoUnit *unit, BcdUndone *write)
{
	bool		first = unit->writes == NIL;

	if (first)
		unit->existed = !is_action(write, "created");
	unit->exists = !is_action(write, "deleted");
	unit->gone = !unit->exists || is_action(write, "hidden");
	unit->removed |= !unit->exists;
	if (write->before)
		unit->before = bcd_payload_merge(unit->before, unit->after ? bcd_payload_filter(write->before, is_not_in, unit->after) : write->before);
	if (write->after)
	{
		unit->after = bcd_payload_merge(unit->after, write->after);
		unit->afters = lappend(unit->afters, write->after);
	}
	unit->writes = lappend(unit->writes, write);
}

static BcdUndoUnit *
unit_of(List *writes)
{
	BcdUndoUnit *unit = palloc0(sizeof(BcdUndoUnit));
	ListCell   *lc;

	foreach(lc, writes)
		add(unit, lfirst(lc));
	return unit;
}

/* Returns the address of the record that a row is linked to, or NULL. */
static char *
address_of(const BcdLane *lane, const char *key)
{
	BcdLinkRow	link;

	return bcd_link_read(lane->feed->name, key, &link) ? link.address : NULL;
}

/* Returns the row that a record is linked to, or NULL. */
static char *
row_at(const BcdLane *lane, char *address)
{
	return bcd_links_at(lane->feed->name, &address, 1) > 0 ? bcd_links_key(0) : NULL;
}

/*
 * It was not recorded which record a write has created, or whether it has.  A
 * record that the row has by now may be of another write.
 */
static List *
of_lost_create(BcdLane *lane, BcdUndone *write)
{
	char	   *address = address_of(lane, write->key);

	if (address && bcd_undo_is_created(lane->feed->name, lane->feed->feed_id, address))
		return NIL;
	write->address = address;
	return list_make1(write);
}

typedef struct Renewal
{
	const BcdLane *lane;
	Jsonb	   *payload;
} Renewal;

/* Returns the record that a rollback has made in place of one, or the same. */
static int64
new_id(const BcdLane *lane, const BcdField *field, int64 id)
{
	int64		made = id > 0 ? bcd_undo_new_id(lane->feed->server, field->refers_to, id) : 0;

	return made != 0 ? made : id;
}

static Jsonb *
new_ids(const BcdLane *lane, const BcdField *field, JsonbContainer *ids)
{
	JsonbParseState *state = NULL;
	uint32		i;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < JsonContainerSize(ids); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(ids, i);
		Jsonb	   *one = bcd_payload_set(NULL, field->name, v);

		if (v->type == jbvNumeric)
			one = bcd_payload_set_integer(NULL, field->name, new_id(lane, field, bcd_payload_integer(one, field->name)));
		(void) pushJsonbValue(&state, WJB_ELEM, getKeyJsonValueFromContainer(&one->root, field->name, strlen(field->name), NULL));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

static void
renew(const char *name, JsonbValue *value, void *arg)
{
	Renewal    *r = arg;
	const BcdField *field = bcd_resource_field(r->lane->feed->resource, name);

	if (field == NULL || field->refers_to == NULL)
		return;
	if (value->type == jbvNumeric)
		r->payload = bcd_payload_set_integer(r->payload, name, new_id(r->lane, field, bcd_payload_integer(r->payload, name)));
	else if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		r->payload = bcd_payload_set_collection(r->payload, name, new_ids(r->lane, field, value->val.binary.data));
}

/*
 * Returns old values in which the ids of records that were deleted, and made
 * again since, are replaced.
 */
static Jsonb *
with_new_ids(const BcdLane *lane, Jsonb *payload)
{
	Renewal		r = {lane, payload};

	if (payload)
		bcd_payload_each(payload, renew, &r);
	return payload ? bcd_with_made_key(lane->feed->resource, r.payload, r.payload) : NULL;
}

typedef struct Awaiting
{
	const BcdLane *lane;
	const BcdUndoScope *scope;
	bool		found;
} Awaiting;

/* Is a record of this kind to be made again, and has no new id yet? */
static bool
is_awaited(const BcdUndoScope *scope, const BcdLane *lane, int64 id)
{
	BcdUndoScope its = *scope;
	List	   *writes;

	its.feed = lane->feed->name;
	its.feed_id = lane->feed->feed_id;
	writes = bcd_undo_of_record(&its, psprintf(INT64_FORMAT, id));
	return writes != NIL && is_action(llast(writes), "deleted");
}

static void
look_for_awaited(const char *name, JsonbValue *value, void *arg)
{
	Awaiting   *a = arg;
	const BcdRun *run = a->lane->run;
	const BcdField *field = bcd_resource_field(a->lane->feed->resource, name);
	bool		own = field && field->refers_to && strcmp(field->refers_to, a->lane->feed->resource->name) == 0;
	Jsonb	   *ids;
	int			i;
	int			j;

	/* without a postponed write, all others that come before have been made */
	if (field == NULL || field->refers_to == NULL || (!own && run->rollback->later == NULL))
		return;
	ids = value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data) ? JsonbValueToJsonb(value) : NULL;
	for (i = 0; i < run->nlanes; i++)
	{
		const BcdLane *lane = run->lanes[i];

		if (strcmp(lane->feed->resource->name, field->refers_to) != 0)
			continue;
		for (j = 0; ids && j < JB_ROOT_COUNT(ids) && !a->found; j++)
			a->found = is_awaited(a->scope, lane, bcd_payload_integer(bcd_payload_set(NULL, name, getIthJsonbValueFromContainer(&ids->root, j)), name));
		if (value->type == jbvNumeric && !a->found)
			a->found = is_awaited(a->scope, lane, bcd_payload_integer(bcd_payload_set(NULL, name, value), name));
	}
}

/*
 * Do old values of a record refer to one that is to be made again, and has no
 * new id yet?  A category may be the parent of another one.
 */
static bool
awaits(const BcdLane *lane, const BcdUndoScope *scope, const BcdUndoUnit *unit)
{
	Awaiting	a = {lane, scope};

	if (unit->existed && unit->before && !lane->run->rollback->stuck)
		bcd_payload_each(unit->before, look_for_awaited, &a);
	return a.found;
}

/* Leaves a write to the next round. */
static void
postpone(BcdRun *run, int64 undo_id)
{
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(int64),.hcxt = run->cxt};

	if (run->rollback->later == NULL)
		run->rollback->later = hash_create("bcdelta postponed writes", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	(void) hash_search(run->rollback->later, &undo_id, HASH_ENTER, NULL);
}

/* Nothing has to be done for a unit. */
static void
decide_nothing(BcdItem *item)
{
	bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
}

static void
decide_impossible(BcdItem *item, const char *reason)
{
	item->unit->kept = true;
	bcd_rollback_tell(item, NULL, NULL, NULL, "impossible", reason);
	bcd_decide_done(item, BCD_UNCHANGED, BCD_LINK_KEEP);
	item->decision.error = pstrdup(reason);
	item->decision.conflicts = 1;
}

/* The record is read first, and has all of these fields then. */
static void
decide_read(BcdItem *item, const char *address)
{
	BcdUndoUnit *unit = item->unit;
	bool		removes = !unit->existed && item->lane->run->rollback->created == BCD_CREATED_DELETE;
	MemoryContext scratch;
	MemoryContext old;

	if (!item->linked)
	{
		item->store_id = bcd_is_keyed(item) ? 0 : strtoll(address, NULL, 10);
		item->known = bcd_known_at(item->lane->feed->resource, address, NULL);
	}
	item->known = bcd_payload_merge(item->remembered, item->known);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta merge", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	item->wanted = bcd_rollback_all_elements(item->lane->feed->resource, bcd_payload_merge(bcd_payload_merge(item->known, unit->after), unit->before),
											 unit->before, unit->after);
	MemoryContextSwitchTo(old);
	item->wanted = bcd_payload_keep(item->wanted, scratch);
	bcd_decide_stage(item, BCD_READ);
	item->decision.whole = removes || unit->removed;
}

/* The record does not exist: it is made again, unless somebody else has done so. */
static void
decide_make(BcdItem *item)
{
	item->wanted = item->unit->before;
	item->store_id = 0;
	item->linked = false;
	item->known = item->remembered = NULL;
	if (bcd_is_keyed(item))
		bcd_decide_stage(item, BCD_READ);
	else
		bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
}

/* Decides on an item whose unit and link are known. */
static void
decide_unit(BcdItem *item, const char *address)
{
	BcdUndoUnit *unit = item->unit;

	/* still linked: a rollback was interrupted before it had deleted it */
	if (!unit->existed && !unit->exists && !item->linked)
		decide_nothing(item);
	else if (unit->flaw)
		decide_impossible(item, unit->flaw);
	else if (address)
		decide_read(item, address);
	else if (unit->existed)
		decide_make(item);
	else
	{
		/* was it created at all? */
		item->wanted = unit->after;
		bcd_decide_lookup(item, BCD_REASON_RECORD);
	}
}

/* Has a rollback made a record in place of another one? */
static bool
is_made_from(const BcdLane *lane, const char *old, const char *address)
{
	int64		id = lane->feed->resource->id ? strtoll(old, NULL, 10) : 0;

	return id != 0 && bcd_undo_new_id(lane->feed->server, lane->feed->resource->name, id) == strtoll(address, NULL, 10);
}

/*
 * The record of a unit was removed, and its row has another one by now.  If
 * that was made by writes that are undone, too, or by a rollback in place of the
 * first one, it gets the contents of the first one.
 */
static void
add_successor(BcdLane *lane, const BcdUndoScope *scope, BcdUndoUnit *unit, const char *address)
{
	const BcdUndone *removal = llast(unit->writes);
	bool		again = is_made_from(lane, removal->address, address);
	List	   *writes = again ? bcd_undo_all_of_record(lane->feed->name, lane->feed->feed_id, address) : those_to_undo(lane->run, bcd_undo_of_record(scope, address));
	BcdUndoUnit *other = unit_of(writes);

	if (other->writes == NIL || other->existed)
		unit->flaw = psprintf("the row has another record by now: %s", address);
	unit->after = other->after;
	unit->afters = other->afters;
	unit->exists = true;
	unit->remade = again;
	unit->unfinished = again && !removal->undone && list_length(writes) == 1;
	if (again)
		return;
	unit->gone = other->gone;
	unit->writes = list_concat(unit->writes, other->writes);
}

/*
 * The row of a record without an id is linked to another one by now, whose
 * writes are undone by themselves.
 */
static void
forget_link(BcdItem *item)
{
	item->linked = false;
	item->known = item->remembered = NULL;
}

/* Copies a unit into an item. */
static void
keep(BcdItem *item, const BcdUndoUnit *unit)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	ListCell   *lc;

	item->unit = palloc(sizeof(BcdUndoUnit));
	*item->unit = *unit;
	item->unit->writes = NIL;
	item->unit->held = NULL;
	item->unit->before = unit->before ? bcd_payload_copy(unit->before) : NULL;
	item->unit->after = unit->after ? bcd_payload_copy(unit->after) : NULL;
	item->unit->afters = NIL;
	foreach(lc, unit->afters)
		item->unit->afters = lappend(item->unit->afters, bcd_payload_copy(lfirst(lc)));
	item->unit->flaw = unit->flaw ? pstrdup(unit->flaw) : NULL;
	item->unit->nids = 0;
	item->unit->ids = palloc(sizeof(int64) * list_length(unit->writes));
	foreach(lc, unit->writes)
		item->unit->ids[item->unit->nids++] = ((BcdUndone *) lfirst(lc))->undo_id;
	item->unit->last_id = ((BcdUndone *) llast(unit->writes))->undo_id;
	item->unit->last_run = ((BcdUndone *) llast(unit->writes))->run_id;
	MemoryContextSwitchTo(old);
}

/*
 * Returns the item for a write, with a decision; or NULL, if a later write to
 * the same record has it, or it belongs to the other pass.
 */
BcdItem *
bcd_rollback_item(BcdLane *lane, const BcdUndoScope *scope, BcdUndone *write)
{
	List	   *writes = write->address ? those_to_undo(lane->run, bcd_undo_of_record(scope, write->address)) : of_lost_create(lane, write);
	char	   *address = write->address;
	BcdUndoUnit *unit;
	BcdItem    *item;
	bool		by_address = lane->feed->resource->id == NULL;
	MemoryContext old;
	char	   *key;
	char	   *other;

	if (writes == NIL || ((BcdUndone *) llast(writes))->undo_id != write->undo_id)
		return NULL;
	unit = unit_of(writes);
	key = address ? row_at(lane, address) : NULL;
	/* the record before it was that of the same row: that is undone instead */
	if (unit->existed == lane->run->rollback->removing ||
		(!unit->existed && address && !by_address && bcd_undo_removal(scope, write->key, write->undo_id)))
		return NULL;
	if (key == NULL && by_address)
		key = write->key;
	else if (key == NULL)
	{
		key = write->key;
		if (!unit->exists && (address = address_of(lane, key)) != NULL)
			add_successor(lane, scope, unit, address);
		else if (unit->exists && address && (other = address_of(lane, key)) != NULL)
		{
			if (is_made_from(lane, address, other))
				address = other;
			else
				unit->flaw = "the row is linked to another record by now";
		}
	}
	unit->before = with_new_ids(lane, bcd_undo_known(lane->feed->resource, unit->before));
	if (awaits(lane, scope, unit))
	{
		postpone(lane->run, write->undo_id);
		return NULL;
	}
	if (by_address && address && unit->existed && !unit->exists)
		address = bcd_record_address(lane->feed->resource, unit->before);
	item = bcd_item_create(lane, key);
	keep(item, unit);
	bcd_queue_link_of(lane, item);
	old = MemoryContextSwitchTo(item->cxt);
	if (by_address && address && item->linked && strcmp(bcd_record_address(lane->feed->resource, item->known), address) != 0)
		forget_link(item);
	item->unit->lost = !unit->existed && address == NULL;
	decide_unit(item, address);
	MemoryContextSwitchTo(old);
	return item;
}
