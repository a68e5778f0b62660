/*
 * element_keys.c
 *		Elements that need what the record of another row has.
 *
 * No two variants have the same article number, whichever products they belong
 * to.  If an element was refused because another row's record has its number,
 * and that row is about to give it up, the row of the element does whatever
 * else it has to do, and then waits for the other one.  If that one waits for
 * this row, the element has an interim number for a moment, as in a circle
 * among the elements of one row (element_order.c).
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/element_keys.h"
#include "engine/engine.h"
#include "engine/key_holders.h"
#include "feed/feed.h"
#include "payload/collection.h"
#include "payload/element_order.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/link_remembers.h"
#include "tables/link_unique.h"
#include "tables/pending.h"
#include "tables/pending_wait.h"

/* How often a row waits for one that is in progress */
#define MOST_WAITS	40

/* How often a write is tried that may succeed now */
#define MOST_TRIES	6

static const BcdRecords *
records_of(const BcdTask *task)
{
	return bcd_resource_field(task->resource, task->facet->collection)->records;
}

/* The lane of a feed, unless that is not pushed in this run. */
static BcdLane *
lane_of(const BcdRun *run, const char *feed)
{
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (strcmp(run->lanes[i]->feed->name, feed) == 0 && !run->lanes[i]->stopped)
			return run->lanes[i];
	return NULL;
}

/* Does a row have what its record has?  Assumed if it cannot be read now. */
static bool
keeps(const BcdItem *item, const BcdRecord *record, const BcdUnique *key)
{
	BcdLane    *lane = lane_of(item->lane->run, record->feed);
	BcdRow		row;

	if (lane == NULL)
		return true;
	bcd_feed_look_at_row(lane->feed, record->key, &row);
	return row.state != BCD_ROW_MISSING && (row.state != BCD_ROW_FOUND || bcd_unique_has(item->lane->feed->resource, row.payload, key));
}

static bool
may_wait(const BcdItem *item, const BcdRecord *record)
{
	return item->attempts + 1 < item->lane->run->store->options->max_attempts ||
		(item->attempts < MOST_WAITS && bcd_pending_is_in_progress(record->feed, record->key));
}

/*
 * Returns a row whose record had such an element before a reply was lost, and
 * may have it still; or NULL.
 */
static BcdHeldBy *
remembered_row(const BcdItem *item, const BcdTask *task, const char *value)
{
	BcdHeldBy  *held_by = palloc0(sizeof(BcdHeldBy));
	BcdRecord	record = {0};

	if (!bcd_link_remembers_element(item->lane->feed->name, item->key, task->facet->collection, records_of(task)->unique, value,
									&held_by->feed, &held_by->key))
		return NULL;
	record.feed = held_by->feed;
	record.key = held_by->key;
	return may_wait(item, &record) ? held_by : NULL;
}

/*
 * The write of an item's element, its first task, was refused.  Returns the
 * row that it should wait for, in the item's memory, or NULL.
 */
static BcdHeldBy *
held_by_row(BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdTask *task = linitial(item->tasks);
	const char *unique = records_of(task)->unique;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdHeldBy  *held_by = NULL;
	BcdHolder  *holders = NULL;
	BcdUnique	key;
	Datum		hash;
	int			n = 0;
	int			i;

	if (unique && task->is && task->fields && bcd_payload_has(task->fields, unique) &&
		bcd_unique_of(feed->resource, task->fields, unique, &key))
	{
		hash = Int64GetDatum(key.hash);
		holders = bcd_unique_holders(feed, &hash, 1, &n);
	}
	for (i = 0; i < n; i++)
	{
		const BcdRecord *record = holders[i].record;
		bool		own = strcmp(record->feed, feed->name) == 0 && strcmp(record->key, item->key) == 0;

		if (own || !bcd_unique_has(feed->resource, record->payload, &key) || keeps(item, record, &key) || !may_wait(item, record))
			continue;
		held_by = palloc0(sizeof(BcdHeldBy));
		held_by->feed = pstrdup(record->feed);
		held_by->key = pstrdup(record->key);
		held_by->in_flight = record->state && strcmp(record->state, "in_flight") == 0;
		break;
	}
	if (holders && held_by == NULL)
		held_by = remembered_row(item, task, key.value);
	if (held_by)
	{
		held_by->field = unique;
		held_by->value = key.value;
	}
	MemoryContextSwitchTo(old);
	return held_by;
}

/* Has an element an interim value already?  Nobody waits for that. */
static bool
has_given_way(const BcdTask *task)
{
	char	   *has = bcd_payload_text(task->was, records_of(task)->unique);
	char	   *end = psprintf("-%s", task->id);

	return has && strlen(has) > strlen(end) && strcmp(has + strlen(has) - strlen(end), end) == 0;
}

/*
 * The next task of an item is given up.  Returns an addition to the error if
 * that leaves an element with an interim value, else "".
 */
char *
bcd_element_left_with(const BcdItem *item)
{
	const BcdTask *task = item->tasks ? linitial(item->tasks) : NULL;
	const char *unique = task && task->facet->collection ? records_of(task)->unique : NULL;

	if (unique == NULL || task->was == NULL || task->id == NULL || !has_given_way(task))
		return "";
	return psprintf(" (the record has the interim %s \"%s\" until the row is pushed again)", unique, bcd_payload_text(task->was, unique));
}

/*
 * Does a row wait for an item's?  Rows that are always pushed at the same time
 * never see each other waiting, so at the next attempt, it is enough if they
 * meet again.
 */
static bool
waits_for(const BcdHeldBy *held_by, const BcdItem *item)
{
	char	   *feed;
	char	   *key;

	if (held_by->in_flight)
		return item->attempts > 0;
	return bcd_pending_waits_for(held_by->feed, held_by->key, &feed, &key) &&
		strcmp(feed, item->lane->feed->name) == 0 && strcmp(key, item->key) == 0;
}

/*
 * If that row waits for this one, returns the item's tasks behind one that
 * gives its element an interim value; NIL: it does not, or the element has no
 * value that anyone could wait for.
 */
static List *
gives_way(BcdItem *item, const BcdHeldBy *held_by)
{
	BcdTask    *task = linitial(item->tasks);
	BcdElementChange change = {task->was, task->is, task->fields, task->action == &task->facet->alone};
	BcdElementChange *aside;
	MemoryContext old;
	BcdTask    *first;
	BcdTask    *again;
	List	   *tasks;

	if (!change.alone || task->was == NULL || has_given_way(task) || !waits_for(held_by, item))
		return NIL;
	old = MemoryContextSwitchTo(item->cxt);
	aside = bcd_element_steps_aside(records_of(task), &change);
	first = palloc(sizeof(BcdTask));
	*first = *task;
	first->fields = aside->fields;
	first->is = aside->is;
	again = palloc(sizeof(BcdTask));
	*again = *task;
	again->was = change.was;
	tasks = lcons(first, lcons(again, list_copy_tail(item->tasks, 1)));
	MemoryContextSwitchTo(old);
	return tasks;
}

/*
 * May what an element needs have become free since its last write was refused?
 * Perhaps once, and more often if rows wait for each other.
 */
static bool
may_be_free(const BcdItem *item)
{
	const BcdTask *task = linitial(item->tasks);
	const char *unique = records_of(task)->unique;
	char	   *value = unique && task->fields ? bcd_payload_text(task->fields, unique) : NULL;
	bool		contended = value && (item->attempts > 0 || item->held_by || (task->was && task->id && has_given_way(task)));

	if (value == NULL || item->refusal == NULL || (item->refusal_status != 409 && strstr(item->refusal, value) == NULL))
		return false;
	return item->clashes <= (contended ? MOST_TRIES : 1);
}

/*
 * The first task of an item was refused.  If it is an element that another row
 * makes room for, decides what the item waits for, and returns true; *tasks,
 * those behind it, are then what it does before it waits.
 */
bool
bcd_element_waits(BcdItem *item, List **tasks)
{
	BcdHeldBy  *held_by = held_by_row(item);
	List	   *others = held_by ? gives_way(item, held_by) : NIL;

	if (held_by == NULL && may_be_free(item))
		*tasks = item->tasks;
	else if (held_by == NULL)
		return false;
	else if (others != NIL)
		*tasks = others;
	else
		item->decision.held_by = held_by;
	return true;
}
