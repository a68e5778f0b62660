/*
 * verify_record.c
 *		Compares rows with their records in a verify.
 *
 * A difference is what a push would send, so the two always agree. Rows with
 * unpushed changes are not compared. If a value takes time to appear in the
 * store, the record is read again before it is compared. All rows that differ
 * are looked at once more, at the end of their feed.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/guc.h"
#include "engine/decide.h"

#include "engine/elements_read.h"
#include "engine/endpoint.h"
#include "engine/explained.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "engine/queue.h"
#include "engine/shown.h"
#include "engine/source_items.h"
#include "engine/stage.h"
#include "engine/unmapped_fields.h"
#include "feed/adjusted.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "fold/fold.h"
#include "payload/collection.h"
#include "payload/counted.h"
#include "payload/datetime.h"
#include "payload/fixed.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/conflict.h"
#include "tables/discrepancy.h"
#include "tables/pending.h"
#include "tables/result.h"
#include "verbs/verify_adjusted.h"
#include "verbs/verify_level.h"
#include "verbs/verify_record.h"

/*
 * Returns whether the difference is merely a change that is not pushed yet.
 * The change may be very recent, so fold first.
 */
static bool
is_pending(BcdLane *lane, const BcdItem *item)
{
	bcd_fold_now();
	return bcd_pending_is_open(lane->feed->name, item->key);
}

/* Says that a row was not compared, and in what state it is. */
static void
decide_deferred(BcdItem *item)
{
	BcdLane    *lane = item->lane;
	BcdResult	result = {.key = item->key,.store_id = item->store_id,.outcome = BCD_DEFERRED,.address = bcd_item_address(item)};
	char	   *error;
	char	   *state = bcd_pending_state(lane->feed->name, item->key, &error);

	if (state)
		result.error = psprintf("not compared, because a change has still to be pushed: it is %s%s%s", state,
								error ? ": " : "", error ? error : "");
	bcd_results_insert(lane->run->run_id, lane->feed->server, lane->feed->name, &result, 1);
	bcd_decide_done(item, BCD_DEFERRED, BCD_LINK_KEEP);
}

/*
 * Says that a row is not compared, since a rollback holds it as a whole until
 * its source changes; false: none does.
 */
static bool
decide_held(BcdItem *item)
{
	BcdLane    *lane = item->lane;
	BcdResult	result = {.key = item->key,.store_id = item->store_id,.outcome = BCD_DEFERRED,.address = bcd_item_address(item)};
	List	   *adjustments = lane->feed->adjusted ? bcd_adjustments_of(lane->feed->name, item->key) : NIL;
	BcdAdjustment *over;
	const BcdAdjustment *hold = bcd_row_hold(lane->feed, adjustments, item->gone ? NULL : item->wanted, &over);

	if (hold == NULL)
		return false;
	result.error = psprintf("not compared: %s", hold->words);
	bcd_results_insert(lane->run->run_id, lane->feed->server, lane->feed->name, &result, 1);
	bcd_decide_done(item, BCD_DEFERRED, BCD_LINK_KEEP);
	return true;
}

/* What people know the record by: a natural key, or its address, or NULL */
static char *
natural_key_of(const BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	const char *name;
	int			i;

	for (i = 0; (name = bcd_resource_key(r, i)) != NULL; i++)
	{
		if (item->wanted && bcd_payload_has(item->wanted, name))
			return bcd_payload_text(item->wanted, name);
		if (item->known && bcd_payload_has(item->known, name))
			return bcd_payload_text(item->known, name);
	}
	return r->id == NULL ? bcd_item_address(item) : NULL;
}

/* Records a difference between a row and its record. */
static void
report(const BcdItem *item, BcdDiscrepancy *d)
{
	BcdLane    *lane = item->lane;
	char	   *error;

	d->key = item->key;
	d->store_id = item->store_id;
	d->address = bcd_item_address(item);
	d->natural_key = natural_key_of(item);
	d->row_state = bcd_pending_state(lane->feed->name, item->key, &error);
	bcd_discrepancy_insert(lane->run->run_id, lane->feed->name, d);
}

/* Reports a row that one side lacks, unless it is about to be pushed. */
void
bcd_verify_missing(BcdLane *lane, BcdItem *item, const char *kind, const char *text)
{
	BcdDiscrepancy difference = {0};
	bool		gone = strcmp(kind, "missing_in_store") == 0;

	if (decide_held(item))
		return;
	if (is_pending(lane, item))
	{
		decide_deferred(item);
		return;
	}
	difference.kind = kind;
	difference.source_value = text;
	if (gone)
		difference.decided = bcd_explained(item, BCD_WHOLE_RECORD, NULL);
	report(item, &difference);
	/* a record that is gone has no values: a push has to send the whole row */
	bcd_decide_done(item, BCD_NO_OUTCOME, item->linked && gone ? BCD_LINK_FORGET : BCD_LINK_KEEP);
	item->decision.conflicts = difference.decided == NULL;
}

/*
 * Somebody may be editing the record at this moment, or the store may not show
 * yet what was written: a difference is reported only if it is still there when
 * the row is looked at once more.  Returns whether it will be.
 */
static bool
look_again(BcdItem *item)
{
	if (item->lane->phase == AGAIN)
		return false;
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.doubtful = true;
	item->decision.seen = false;	/* counted then */
	return true;
}

/* A comparison of a row with its record */
typedef struct Comparison
{
	BcdItem    *item;
	const cJSON *record;
	Jsonb	   *seen;			/* what of it is known */
	const BcdFacet *facet;		/* facet of the current field, or NULL */
	int			differences;
	int			decided;		/* of them: a conflict explains them */
	bool		pending;		/* about to be pushed: nothing is reported */
	bool		silent;			/* nothing is reported anyway */
} Comparison;

/*
 * Returns what the link says about a field of the record, or NULL if nothing.
 */
static char *
pushed_text(Jsonb *known, const char *field)
{
	char	   *text = bcd_payload_has(known, field) ? bcd_payload_text(known, field) : NULL;

	return text == NULL && bcd_payload_has(known, field) ? "null" : text;
}

/* When the record was last changed, as the store says; or NULL */
static char *
modified_at(const Comparison *c)
{
	const cJSON *date = cJSON_GetObjectItemCaseSensitive(c->record, "date_modified");

	if (c->item->lane->feed->resource->changed.endpoint == NULL || !cJSON_IsString(date))
		return NULL;
	return bcd_instant_text(date->valuestring);
}

static void
differs_from(Comparison *c, const char *field, const char *source_value, const char *store_value,
			 const char *pushed_value)
{
	BcdLane    *lane = c->item->lane;
	BcdDiscrepancy difference = {0};

	if (c->silent)
		c->differences++;
	else if (c->differences++ == 0 && is_pending(lane, c->item))
		c->pending = true;
	else if (!c->pending && lane->phase == AGAIN)
	{
		difference.kind = "different";
		difference.facet = c->facet ? c->facet->name : NULL;
		difference.field = field;
		difference.source_value = source_value;
		difference.store_value = store_value;
		difference.pushed_value = pushed_value;
		difference.store_modified = modified_at(c);
		if ((difference.decided = bcd_explained(c->item, field, c->record)) != NULL)
			c->decided++;
		report(c->item, &difference);
	}
}

static void
differs(Comparison *c, const char *field, const char *source_value)
{
	differs_from(c, field, source_value, bcd_json_text(cJSON_GetObjectItemCaseSensitive(c->record, field)),
				 pushed_text(c->item->known, field));
}

static char *
json_text(Jsonb *jsonb)
{
	return jsonb ? JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)) : NULL;
}

/* An element as the row has it. */
static char *
element_text(const BcdRecords *records, Jsonb *element)
{
	return element && records->bare ? bcd_payload_text(element, records->key[0]) : json_text(element);
}

/*
 * Compares an element of a collection: the store lacks it, has it with other
 * values, or still has it though the row does not.
 */
static void
compare_element(const BcdTask *task, Comparison *c)
{
	const char *field = task->facet->collection;
	const BcdRecords *records = bcd_facet_records(task->resource, task->facet);
	Jsonb	   *pushed = bcd_collection_known(records, bcd_task_collection(task, c->item->known), task->id, task->was ? task->was : task->is);

	differs_from(c, field, element_text(records, task->is), element_text(records, task->was), element_text(records, pushed));
}

/*
 * Compares a field that a push of the row would send, if it can be read back.
 */
static void
compare_change(const char *name, JsonbValue *value, void *arg)
{
	Comparison *c = arg;
	const BcdField *field = bcd_resource_field(c->item->lane->feed->resource, name);

	/* a push may send the record as a whole */
	if (field && !(field->flags & BCD_F_WRITE_ONLY) && bcd_payload_has(c->item->wanted, name) &&
		!bcd_payload_same(c->item->wanted, c->seen, name))
		differs(c, name, bcd_value_text(value));
}

static void
compare_tasks(List *tasks, Comparison *c)
{
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = lfirst(lc);

		c->facet = task->facet;
		/* the record does not show this facet's values */
		if (task->facet->inside && task->within == NULL)
			continue;			/* the store lacks all of it */
		if (task->facet->collection)
			compare_element(task, c);
		else if (!bcd_facet_is_placed(task->facet, task->options))
			bcd_payload_each(task->fields, compare_change, c);
		/* the next task would make another record */
		if (task->action == &task->resource->facets->remove)
			break;
	}
	c->facet = NULL;
}

/*
 * A field that the row no longer has keeps its value in the store, because no
 * value would clear it.
 */
static void
compare_dropped(const char *name, JsonbValue *value, void *arg)
{
	Comparison *c = arg;

	const BcdField *field = bcd_resource_field(c->item->lane->feed->resource, name);

	if (field && BCD_IS_COLLECTION(field))
	{
		Jsonb	   *left = bcd_collection_of(c->seen, name);

		if (left && JB_ROOT_COUNT(left) > 0)
			differs_from(c, name, NULL, json_text(left), bcd_value_text(value));
	}
	else if (!bcd_payload_is_nothing(cJSON_GetObjectItemCaseSensitive(c->record, name)))
		differs(c, name, NULL);
}

/*
 * Reports adjusted fields that no longer have the value that was declared,
 * which is the pushed_value.  wanted is what the row wants without adjustments.
 */
static void
report_broken(Comparison *c, Jsonb *wanted, List *broken)
{
	ListCell   *lc;

	foreach(lc, broken)
	{
		BcdAdjustment *a = lfirst(lc);
		const BcdResource *r = c->item->lane->feed->resource;
		const BcdFacet *facet = bcd_resource_facet_of(r, bcd_resource_field(r, a->field));
		BcdDiscrepancy difference = {.kind = "conflict",.field = a->field};

		difference.facet = facet == r->facets ? NULL : facet->name;
		difference.source_value = bcd_payload_text(wanted, a->field);
		difference.store_value = bcd_json_text(cJSON_GetObjectItemCaseSensitive(c->record, a->field));
		difference.pushed_value = bcd_jsonb_text(a->value);
		report(c->item, &difference);
		bcd_verify_broken(c->item, a);
		c->differences++;
	}
}

/*
 * Returns until when the store may not show recent writes to the facets that
 * differ, in monotonic ms.
 */
static int64
shows_at(const BcdItem *item, List *tasks)
{
	int64		latest = 0;
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = lfirst(lc);

		/* a record that a row cannot keep has no values that are late */
		if (task->action == &task->resource->facets->remove)
			break;
		latest = Max(latest, bcd_endpoint_shows_at(item->lane, bcd_stage_of(task)));
	}
	return latest;
}

/*
 * Compares a row with its record, which is NULL if the store has none with
 * this id. The link then gets the values that were read, so that a push of the
 * row, once it is marked, corrects the fields that differ and nothing else.
 */
void
bcd_verify_read(BcdItem *item, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdRow		row = {BCD_ROW_FOUND};
	Jsonb	   *wanted = item->wanted;
	List	   *adjusted;
	Comparison	c = {item, record};
	BcdDifference d;
	const BcdField *fixed;
	Jsonb	   *seen;
	Jsonb	   *dropped;
	int64		until;
	List	   *broken;

	if (strcmp(item->lane->run->mode, "adjusted") == 0)
	{
		bcd_verify_value_read(item, record);
		MemoryContextSwitchTo(old);
		return;
	}
	if (decide_held(item))
	{
		item->decision.seen = record != NULL;
		MemoryContextSwitchTo(old);
		return;
	}
	if (record == NULL)
	{
		MemoryContextSwitchTo(old);
		if (!look_again(item))
			bcd_verify_missing(item->lane, item, "missing_in_store", NULL);
		return;
	}
	bcd_verify_level(item, record);
	adjusted = bcd_verify_adjusted(item, record);
	row.payload = item->wanted;
	seen = bcd_item_known_read(item, record);
	bcd_difference(item->lane->feed, item->key, &row, item->store_id, seen, &d);
	c.seen = seen;
	until = shows_at(item, d.tasks);
	if (until > bcd_now_ms())
	{
		MemoryContextSwitchTo(old);
		item->wanted = wanted;
		bcd_decide_stage(item, BCD_READ);
		item->lane->run->wake_at = Max(item->lane->run->wake_at, until);
		return;
	}
	item->decision.seen = true;
	/* for a row that is gone, only check that the record is hidden */
	dropped = item->gone ? NULL : bcd_verify_unadjusted(bcd_item_dropped(item), adjusted);
	fixed = d.need == BCD_NEEDS_MENDING ? bcd_fixed_difference(item->lane->feed->resource, item->wanted, seen) : NULL;
	if ((d.need == BCD_NEEDS_MENDING && fixed == NULL) || d.need == BCD_NEEDS_READING)
	{
		if (!look_again(item))
			bcd_verify_missing(item->lane, item, "different", d.reason);
	}
	else
	{
		/* no request would change it, so there are no tasks */
		if (fixed)
			differs_from(&c, fixed->name, bcd_payload_text(item->wanted, fixed->name), bcd_payload_text(seen, fixed->name), pushed_text(item->known, fixed->name));
		compare_tasks(d.tasks, &c);
		if (dropped)
			bcd_payload_each(dropped, compare_dropped, &c);
		broken = bcd_verify_watch(item, record, adjusted);
		if (c.pending)
			decide_deferred(item);
		else if (c.differences == 0 && broken == NIL)
			bcd_decide_agrees(item, record);
		else if (!look_again(item))
		{
			report_broken(&c, wanted, broken);
			bcd_decide_record(item)->known = bcd_with_counted(item->lane->feed->resource, item->lane->feed->options_json, seen, item->known);
			bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_PUT);
			item->decision.conflicts = c.differences - c.decided;
		}
	}
	MemoryContextSwitchTo(old);
}

/* Rows that differed are looked at once more, a little later: if there are any. */
void
bcd_verify_again(BcdRun *run, BcdLane *lane)
{
	bcd_items_in_doubt_next(lane);
	lane->phase = AGAIN;
	run->wake_at = Max(run->wake_at, lane->doubtful == NIL ? 0 : bcd_now_ms() + bcd_confirm_after * 1000);
}

/*
 * Does a record that was seen on a page of a list agree with its row?  If in
 * doubt, it does not: the row is looked at later.
 */
bool
bcd_verify_agrees(BcdLane *lane, const char *key, const cJSON *record)
{
	BcdItem    *item = bcd_item_create(lane, key);
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	Comparison	c = {item, record,.silent = true};
	BcdDifference d;
	BcdRow		row;
	bool		agrees = false;

	/* it is in no queue */
	dlist_delete(&item->node);
	bcd_queue_link_of(lane, item);
	bcd_feed_row(lane->feed, key, &row);
	item->wanted = row.payload;
	if (row.state == BCD_ROW_FOUND && !bcd_elements_are_due(item))
	{
		c.seen = bcd_item_known_read(item, record);
		bcd_difference(lane->feed, key, &row, item->store_id, c.seen, &d);
		compare_tasks(d.tasks, &c);
		if (bcd_item_dropped(item))
			bcd_payload_each(bcd_item_dropped(item), compare_dropped, &c);
		agrees = c.differences == 0 && d.need != BCD_NEEDS_MENDING && d.need != BCD_NEEDS_READING;
	}
	MemoryContextSwitchTo(old);
	bcd_item_free(lane, item);
	return agrees;
}
