/*
 * whole_writes.c
 *		What others have changed of records that are written as a whole.
 *
 * A request for a price record has all of its prices, since the API does not say
 * what becomes of one that is left out.  If the record has been read before, the
 * request repeats what the store has and the row does not change: a field that
 * somebody has edited, that has an adjustment, or that the mapping does not have.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/sent_fields.h"
#include "engine/whole_writes.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

/* What the store keeps of a record that is written as a whole */
typedef struct Kept
{
	const BcdItem *item;
	Jsonb	   *known;			/* the row's values, where the store keeps its
								 * own */
	Jsonb	   *ours;			/* what was known before the record was read */
	const cJSON *record;
	Jsonb	   *values;			/* in place of the row's; null: the store has
								 * none, or 0 for that */
	Jsonb	   *others;			/* of which the row says nothing */
} Kept;

/*
 * Does a record have to be read before these tasks are carried out, since they would
 * write it as a whole, and it has fields that are not the row's to write?
 */
bool
bcd_whole_is_unread(const BcdItem *item, List *tasks)
{
	ListCell   *lc;

	if (item->whole == NULL || !item->linked || !bcd_is_keyed(item) || bcd_keyed_moves(item) != NULL)
		return false;
	foreach(lc, tasks)
		if (((BcdTask *) lfirst(lc))->action->whole)
		return true;
	return false;
}

/* The row says nothing about a field: is what the store has there not what we have written? */
static bool
is_others(const Kept *k, const BcdField *field, const cJSON *got)
{
	return !bcd_payload_is_nothing(got) && !bcd_payload_is_in_record(k->ours, field, got) &&
		!(k->item->sent && bcd_may_be_ours(k->item, field, got));
}

static void
look_at_field(Kept *k, const BcdField *field)
{
	const BcdItem *item = k->item;
	const BcdFeed *feed = item->lane->feed;
	const char *name = field->name;
	JsonbValue	none = {.type = jbvNull};
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(k->record, name);

	if (got == NULL || !bcd_field_has_policy(feed, name) || bcd_is_address_field(feed->resource, name))
		return;
	if (!bcd_payload_has(item->wanted, name))
	{
		if (is_others(k, field, got))
			k->others = bcd_payload_merge(k->others, bcd_payload_from_json(name, got));
	}
	else if (bcd_payload_has(k->known, name) && bcd_payload_same(item->wanted, k->known, name) &&
			 !bcd_payload_field_agrees(feed->resource, item->wanted, k->record, name))
		k->values = field->flags & BCD_F_NO_NONE && bcd_payload_is_nothing(got) ? bcd_payload_set(k->values, name, &none) :
			bcd_payload_merge(k->values, bcd_payload_from_json(name, got));
}

static bool
is_kept(const char *name, JsonbValue *value, void *kept)
{
	return bcd_payload_has(kept, name);
}

static bool
is_sent(const char *name, JsonbValue *value, void *kept)
{
	return value->type != jbvNull || !bcd_payload_has(kept, name);
}

/* What the store has none of is left out. */
static Jsonb *
with_kept(Jsonb *fields, const Kept *k, const BcdAction *action)
{
	if (fields == NULL)
		return NULL;
	if (k->values)
		fields = bcd_payload_filter(bcd_payload_merge(fields, bcd_payload_filter(k->values, is_kept, fields)), is_sent, k->values);

	/*
	 * a resource that is written as a whole has one facet of that kind: the
	 * first
	 */
	return action->whole ? bcd_payload_merge(k->others, fields) : fields;
}

/*
 * The record of an item was read, and it is decided what is written: puts what the
 * store is to keep into requests that write the record as a whole.
 */
void
bcd_put_kept(BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdDecision *d = &item->decision;
	Kept		k = {item, bcd_record_after(item).known, bcd_payload_merge(item->remembered, item->known), record};
	ListCell   *lc;
	int			i;

	for (i = 0; i < r->nfields; i++)
		look_at_field(&k, &r->fields[i]);
	bcd_decide_record(item)->kept = bcd_payload_merge(k.others, k.values);
	if (k.values || k.others)
	{
		d->body = with_kept(d->body, &k, &r->facets[0].update);
		foreach(lc, d->has_tasks ? d->tasks : NIL)
		{
			BcdTask    *task = lfirst(lc);

			task->fields = with_kept(task->fields, &k, task->action);
		}
	}
	MemoryContextSwitchTo(old);
}
