/*
 * preview.c
 *		bcdelta.preview(): the requests that a push would send.
 *
 * Reads the rows as a push does, in the caller's transaction, and makes the
 * same decisions as push.c as long as they do not depend on a reply from the
 * store. A row without a link is shown as a create, although a push looks it
 * up first and may find a record to update. A source row is shown as one row
 * for each endpoint that it needs; a push combines several of them in one
 * request where the API allows it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "feed/adjusted.h"
#include "feed/cleared.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping.h"
#include "functions/args.h"
#include "functions/preview.h"
#include "functions/preview_keys.h"
#include "payload/address.h"
#include "payload/body.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "payload/url.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/change.h"
#include "tables/link.h"
#include "tables/pending.h"

#define PREVIEW_COLUMNS	6

PG_FUNCTION_INFO_V1(bcdelta_preview);

/*
 * All statements on our tables use the same snapshot, because the worker may
 * fold changes and move links at the same time.
 */

/*
 * Returns some keys of the source as text[], or an empty array if they are not
 * needed.
 */
static Datum
source_keys(const BcdFeed *feed, int max_rows)
{
	Datum	   *keys;
	BcdRights	rights;
	bool		needed;
	int			level;
	int			n = 0;
	uint64		i;

	bcd_spi_begin(&rights);
	needed = bcd_change_of_any_row(feed->feed_id);
	bcd_spi_end(&rights);
	if (!needed)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	bcd_become(&rights, feed->owner, true);
	if (SPI_execute(psprintf("SELECT %s FROM %s LIMIT %d", bcd_key_columns(feed), bcd_feed_from(feed),
							 max_rows), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the keys of feed \"%s\"", feed->name);
	keys = palloc(sizeof(Datum) * Max(SPI_processed, 1));
	level = bcd_keytext_pin(feed->keytext);
	for (i = 0; i < SPI_processed; i++)
	{
		char	   *key = bcd_key_of_tuple(feed, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);

		if (key)
			keys[n++] = CStringGetTextDatum(key);
	}
	bcd_keytext_unpin(level);
	SPI_freetuptable(SPI_tuptable);
	bcd_become_again(&rights);
	return bcd_array(TEXTOID, keys, NULL, n);
}

/* Returns keys that a push would look at, as a list of strings. */
List *
bcd_preview_pending(const BcdFeed *feed, int max_rows)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		others = source_keys(feed, max_rows);
	List	   *keys;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	keys = bcd_pending_keys_ahead(feed->name, feed->feed_id, max_rows, others);
	bcd_spi_end(&rights);
	return keys;
}

/*
 * Returns the key that a row's link has now; it moves to the new key when the
 * change is folded.
 */
static char *
linked_key(const BcdFeed *feed, char *key, MemoryContext cxt)
{
	int64		before = PG_INT64_MAX;
	int			steps;

	for (steps = 0; steps < 100; steps++)
	{
		char	   *from = bcd_change_moved_from(feed->feed_id, key, &before);

		if (from == NULL)
			break;
		key = MemoryContextStrdup(cxt, from);
	}
	return key;
}

/*
 * Reads the link, and the adjustments of its row, into the current memory
 * context.
 */
static void
read_link(const BcdFeed *feed, char *key, BcdLinkRow *link, List **adjustments)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	char	   *place;

	memset(link, 0, sizeof(*link));
	*adjustments = NIL;
	bcd_spi_begin(&rights);
	place = linked_key(feed, key, cxt);
	MemoryContextSwitchTo(cxt);
	if (bcd_link_read_ahead(feed->name, feed->feed_id, place, place != key, link))
		link->payload = bcd_known_at(feed->resource, link->address, link->payload);
	if (feed->adjusted)
		*adjustments = bcd_adjustments_of(feed->name, place);
	bcd_spi_end(&rights);
}

/* Returns the number of the first natural key that the row has, or -1 if it has none. */
static int
natural_key(const BcdResource *resource, Jsonb *wanted)
{
	const char *name;
	int			i;

	for (i = 0; (name = bcd_resource_key(resource, i)) != NULL; i++)
	{
		char	   *text = bcd_payload_text(wanted, name);

		if (text && text[0])
			return i;
	}
	return -1;
}

/*
 * Is the record of a row read before these tasks, since the outcome of its last
 * update is not known?
 */
static bool
is_compared(const BcdResource *resource, const BcdLinkRow *link, List *tasks)
{
	const BcdTask *task = tasks ? linitial(tasks) : NULL;

	return resource->id || (bcd_has_contents(resource, link->remembered) && !(task && task->action == &task->facet->remove));
}

/*
 * Shows a row without a link as a create, if it can be one. If the feed does
 * not set a default such as the category tree, the store's own applies, which
 * is not looked up here.
 */
static void
preview_new(const BcdFeed *feed, Jsonb *wanted, BcdPreview *p)
{
	BcdTaskRow	row;
	BcdTask    *create;

	p->nth_key = natural_key(feed->resource, wanted);
	if (p->nth_key < 0)
		p->error = bcd_flaw_of_key(feed->resource, wanted);
	else
		p->error = bcd_flaw_of_new(feed->resource, wanted);
	p->action = "invalid";
	if (p->error)
		return;
	p->action = "create";
	bcd_feed_subject(feed, wanted, 0, NULL, &row);
	p->tasks = bcd_tasks(&row);
	create = linitial(p->tasks);
	create->fields = bcd_body_of_new(feed->resource, create->fields, feed->options.tree_id);
}

/* Determines what a push would do with a row. */
void
bcd_preview_row(BcdFeed *feed, char *key, BcdPreview *p)
{
	static const char *const actions[] = {
		[BCD_NEEDS_NOTHING] = "unchanged",
		[BCD_NEEDS_RECORD] = "create",
		[BCD_NEEDS_UPDATE] = "update",
		[BCD_NEEDS_READING] = "update",
		[BCD_NEEDS_HIDING] = "hide",
		[BCD_NEEDS_REMOVAL] = "delete",
		[BCD_NEEDS_WAITING] = "deferred",
		[BCD_NEEDS_MENDING] = "invalid",
	};
	BcdLinkRow	link;
	List	   *adjustments;
	BcdRow		row;
	BcdDifference d;
	BcdAdjustment *over;
	const BcdAdjustment *hold = NULL;
	bool		exchanges;

	read_link(feed, key, &link, &adjustments);
	p->linked = link.address != NULL;
	p->known = link.payload;
	bcd_feed_row(feed, key, &row);
	p->waits_feed = row.state == BCD_ROW_DEFERRED ? row.waits_feed : NULL;
	if (row.state == BCD_ROW_FOUND || row.state == BCD_ROW_MISSING)
		hold = bcd_row_hold(feed, adjustments, row.state == BCD_ROW_FOUND ? row.payload : NULL, &over);
	if (hold)
	{
		p->error = hold->words;
		p->action = hold->id == 0 ? "deferred" : "unchanged";
		p->tasks = NIL;
		return;
	}
	if (row.state == BCD_ROW_FOUND)
		row.payload = bcd_with_cleared(feed, row.payload, link.payload);
	if (row.state == BCD_ROW_FOUND && link.address)
		bcd_adjusted_left_alone(feed, adjustments, &row.payload, &link.payload);
	bcd_difference(feed, key, &row, link.store_id, link.payload, &d);
	p->action = actions[d.need];
	p->tasks = d.tasks;
	p->error = (char *) d.reason;
	exchanges = d.exchanges;
	if (link.doubt && (d.need == BCD_NEEDS_NOTHING || d.need == BCD_NEEDS_UPDATE))
	{
		p->action = "review";
		p->tasks = NIL;
		p->error = "it is not known whether the last adjustment was carried out: see bcdelta.settle()";
	}
	else if (d.need == BCD_NEEDS_RECORD)
		preview_new(feed, row.payload, p);
	if (row.state == BCD_ROW_FOUND && p->tasks != NIL)
		p->error = bcd_preview_keys(feed, link.store_id, row.payload, link.payload, &exchanges);
	if (d.need == BCD_NEEDS_UPDATE && link.remembered && link.aside == NULL && is_compared(feed->resource, &link, d.tasks) && p->error == NULL)
		p->error = "the outcome of the last update is not known: the record is read first, and what only the store has changed is not sent";
	if (d.exchanges)
		p->error = bcd_preview_keys(feed, link.store_id, row.payload, link.payload, &exchanges);
	if (d.exchanges && p->error && exchanges)
		p->action = actions[BCD_NEEDS_UPDATE];
	else if (d.exchanges)
		p->error = (char *) d.reason;
}

/*
 * Returns the part of a request's body that belongs to a task, as jsonb, or NULL
 * if there is none; n: of a task and those that an update of the record does
 * with it.  NULL: no task.
 */
static Jsonb *
body_of(BcdTask *const *tasks, int n)
{
	StringInfoData text;

	if (tasks == NULL || tasks[0]->action->endpoint->body == BCD_NO_BODY)
		return NULL;
	initStringInfo(&text);
	if (tasks[0]->action == &tasks[0]->facet->together)
		(void) bcd_body_append_together(&text, tasks, n);
	else
		bcd_body_append_object(&text, tasks[0]);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* Puts one row into the result: a request, or the reason why there is none. */
static void
put_preview(BcdRows *rows, const char *key, const char *action, BcdTask **tasks, int n, const char *error)
{
	BcdTask    *task = tasks ? tasks[0] : NULL;
	Datum		values[PREVIEW_COLUMNS] = {0};
	bool		nulls[PREVIEW_COLUMNS] = {false, false, true, true, true, true};
	Jsonb	   *body = body_of(tasks, n);
	char	   *unknown = task ? bcd_task_unknown(task) : NULL;
	char	   *path;

	values[0] = CStringGetTextDatum(key);
	values[1] = CStringGetTextDatum(action);
	if (task)
	{
		nulls[2] = nulls[3] = false;
		values[2] = CStringGetTextDatum(task->action->endpoint->method);
		path = unknown ? pstrdup(task->action->endpoint->path) : bcd_task_path(&task, 1);
		values[3] = CStringGetTextDatum(psprintf("%s%s", bcd_url_version(path), path));
	}
	if (unknown && error == NULL)
		error = task->id ? psprintf("%s: not known for record %s, and read first", unknown, task->id) :
			psprintf("%s: not known until the request before this one is answered", unknown);
	if (body)
	{
		nulls[4] = false;
		values[4] = JsonbPGetDatum(body);
	}
	if (error)
	{
		nulls[5] = false;
		values[5] = CStringGetTextDatum(error);
	}
	bcd_rows_put(rows, values, nulls);
}

/* Returns how many of a row's tasks are carried out by one request, from the nth on. */
static int
tasks_together(BcdTask **tasks, int nth, int n)
{
	int			end = nth + 1;

	while (end < n && tasks[nth]->action == &tasks[nth]->facet->together && tasks[end]->action == tasks[nth]->action)
		end++;
	return end - nth;
}

static void
put_row(BcdRows *rows, const BcdFeed *feed, const char *key, const BcdPreview *p)
{
	BcdTask   **tasks = palloc(sizeof(BcdTask *) * (list_length(p->tasks) + 1));
	int			n = 0;
	int			i = 0;
	int			riders = bcd_tasks_riders(p->tasks);
	int			together;
	ListCell   *lc;

	foreach(lc, p->tasks)
	{
		tasks[n] = lfirst(lc);
		/* only the store's reply to a push shows whether it does this */
		if (!feed->options.creates_singly)
		{
			tasks[n]->action = bcd_action_for_many(tasks[n]->action, tasks[n]->fields);
			tasks[n]->fields = bcd_fields_taken(tasks[n]->action->endpoint, tasks[n]->fields);
		}
		n++;
	}
	if (n == 0)
		put_preview(rows, key, p->action, NULL, 0, p->error);
	else if (riders > 0)
		tasks[0]->fields = bcd_fields_with_riders(tasks[0]->fields, list_copy_tail(p->tasks, 1), riders);
	for (; i < n; i += together)
	{
		together = i == 0 && riders > 0 ? 1 + riders : tasks_together(tasks, i, n);
		put_preview(rows, key, p->action, tasks + i, together, i == 0 ? p->error : NULL);
	}
}

static void
preview_all(BcdFeed *feed, int max_rows, BcdRows *rows)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta preview",
											  ALLOCSET_DEFAULT_SIZES);
	List	   *keys = bcd_preview_pending(feed, max_rows);
	ListCell   *cell;

	foreach(cell, keys)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		BcdPreview	p = {0};

		CHECK_FOR_INTERRUPTS();
		bcd_preview_row(feed, (char *) lfirst(cell), &p);
		put_row(rows, feed, (const char *) lfirst(cell), &p);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
}

/* Before rows are looked at; returns what bcd_preview_end() needs. */
int
bcd_preview_begin(void)
{
	int			guc_level = NewGUCNestLevel();

	bcd_pin_settings();

	/*
	 * find rows by their keys, so that the mapping is evaluated for no other
	 * row
	 */
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	/* with seqscan off, costs are so high that each query would be compiled */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return guc_level;
}

void
bcd_preview_end(int guc_level)
{
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
}

/* bcdelta.preview(feed, max_rows) */
Datum
bcdelta_preview(PG_FUNCTION_ARGS)
{
	BcdRows		rows;
	BcdFeed    *feed;
	int			guc_level;

	bcd_check_not_null(fcinfo, 0, "feed");
	bcd_check_not_null(fcinfo, 1, "max_rows");
	if (PG_GETARG_INT32(1) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"max_rows\" must be greater than zero")));
	bcd_rows_begin(fcinfo, &rows);
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "preview");
	if (feed->halt == BCD_HALT_STORE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" is paused: %s", feed->name, feed->paused_reason)));
	bcd_mapping_check(feed);
	guc_level = bcd_preview_begin();
	preview_all(feed, PG_GETARG_INT32(1), &rows);
	bcd_preview_end(guc_level);
	bcd_feed_free(feed);
	return (Datum) 0;
}
