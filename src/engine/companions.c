/*
 * companions.c
 *		Rows whose records are created with that of another row.
 *
 * The request that creates a product can contain its variants.  Where these are
 * rows of another feed in the run, they join the create of their product, so
 * that all of them take one request.
 *
 * To be found, such rows are read before the first create: those that refer to
 * a row without a link are deferred until it has one, as they would be later.
 * The create takes what is deferred until its row is linked.  Afterwards these
 * rows are claimed as usual, and find their records below their parent; what the
 * reply was does not matter to them.
 *
 * If a row is deleted or renamed before that, only its old key leads to its
 * record.  So the key is noted as that of a lost create, with the row of the
 * parent, whose id is not known yet.  It takes the place of that row before the
 * parent's key changes (key_moves.c).
 *
 * A row that might be why the create is refused does not join it; if it is
 * refused nevertheless, it is sent again without them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/companions.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "feed/ref.h"
#include "payload/collection.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/pending.h"
#include "tables/pending_companions.h"

/* Rows that are read at a time, and for how long */
#define ROWS_AT_ONCE	250
#define MOST_MS			200

/* Stands for the id of a parent that does not exist yet */
#define PLACEHOLDER		1

#define PARENT_FEED		"feed"
#define PARENT_KEY		"key"

/* Returns the facet of a resource whose records may be rows, or NULL. */
static const BcdFacet *
facet_of_rows(const BcdResource *resource)
{
	int			i;

	for (i = 1; i < resource->nfacets; i++)
		if (resource->facets[i].rows)
			return &resource->facets[i];
	return NULL;
}

/* May rows of one lane join the creates of another one? */
static bool
may_join(const BcdLane *child, const BcdLane *parent)
{
	const BcdFacet *facet = facet_of_rows(parent->feed->resource);

	return facet && !child->stopped && strcmp(child->feed->resource->name, facet->rows) == 0;
}

/* Which rows of a feed wait for which */
typedef struct Waiting
{
	char	   *keys[ROWS_AT_ONCE];
	BcdCompanion until[ROWS_AT_ONCE];
	char	   *reasons[ROWS_AT_ONCE];
	int			n;
} Waiting;

/* Notes a row if it waits for one of these gates. */
static void
note_waiting(const BcdLane *parent, BcdLane *child, char *key, Waiting *w)
{
	const BcdLane *waits_for;
	BcdRow		row;

	bcd_feed_look_at_row(child->feed, key, &row);
	waits_for = row.state == BCD_ROW_DEFERRED ? bcd_run_lane(parent->run, row.waits_feed) : NULL;
	if (waits_for == NULL || waits_for->gates != parent->gates)
		return;
	w->keys[w->n] = key;
	w->until[w->n].feed = row.waits_feed;
	w->until[w->n].key = row.waits_key;
	w->reasons[w->n++] = psprintf("waits for row %s of feed \"%s\" to be in the store", row.waits_key, row.waits_feed);
}

/* The next lane whose rows may join the creates of another one, or NULL */
static BcdLane *
lane_to_gather(const BcdLane *lane)
{
	const BcdRun *run = lane->run;
	int			i;

	for (i = 0; i < run->nlanes; i++)
		if (!run->lanes[i]->gathered && may_join(run->lanes[i], lane))
			return run->lanes[i];
	return NULL;
}

/* Do rows have to be read that may join the creates of a lane's items? */
bool
bcd_companions_wanted(const BcdLane *lane)
{
	dlist_iter	iter;

	if (!lane->run->kind->claims || lane_to_gather(lane) == NULL)
		return false;
	dlist_foreach(iter, (dlist_head *) &lane->gates->gate[BCD_TURN].queue)
		if (dlist_container(BcdItem, node, iter.cur)->store_id == 0)
		return true;
	return false;
}

static void
gather(const BcdLane *lane, BcdLane *child)
{
	Waiting    *w = palloc0(sizeof(Waiting));
	int64		began = bcd_now_ms();
	ListCell   *lc;
	char	   *last = NULL;
	List	   *keys = bcd_companions_ready(child->feed->name, child->gather_cursor, ROWS_AT_ONCE);

	bcd_rows_expect(child->feed, keys, false);
	foreach(lc, keys)
	{
		if (last && bcd_now_ms() - began > MOST_MS)
			break;
		last = lfirst(lc);
		note_waiting(lane, child, last, w);
	}
	bcd_companions_defer(child->feed->name, w->keys, w->until, w->reasons, w->n);
	last = last ? MemoryContextStrdup(child->cxt, last) : NULL;
	bcd_companions_anew(child);
	child->gather_cursor = last;
	child->gathered = last == NULL;
}

/* A new round: the rows of a lane are read from the first one on. */
void
bcd_companions_anew(BcdLane *lane)
{
	if (lane->gather_cursor)
		pfree(lane->gather_cursor);
	lane->gather_cursor = NULL;
	lane->gathered = false;
}

/*
 * Reads some of the rows that may join the creates of a lane's items, in a
 * transaction.  If that fails, none of the rest join in this round.
 */
void
bcd_companions_gather(BcdLane *lane)
{
	BcdLane    *child = lane_to_gather(lane);
	MemoryContext cxt = CurrentMemoryContext;

	if (child == NULL)
		return;
	PG_TRY();
	{
		bcd_tx_begin();
		if (bcd_lane_hold(child) == NULL && bcd_feed_has_types(child->feed))
			gather(lane, child);
		else
			child->gathered = true;
		bcd_tx_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort(psprintf("could not read rows of feed \"%s\"", child->feed->name));
		child->gathered = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
}

/* The rows that join a create */
typedef struct Joining
{
	const BcdFacet *facet;
	const BcdRecords *records;
	BcdItem    *item;
	Jsonb	   *elements;		/* of those that do */
	BcdSide		side;			/* the same */
	List	   *rows;			/* BcdCompanion */
	List	   *notes;			/* Jsonb: their keys */
} Joining;

/* Are all fields of a record fields of an element? */
static bool
is_element(const Joining *j, Jsonb *fields)
{
	JsonbIterator *it = JsonbIteratorInit(&fields->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		const BcdField *field;

		if (token == WJB_KEY)
		{
			field = bcd_records_field(j->records, pnstrdup(v.val.string.val, v.val.string.len));
			if (field == NULL)
				return false;
		}
	}
	return true;
}

/* Returns the names of what an element has chosen, as one text. */
static char *
chosen_names(const BcdChoices *choices, Jsonb *element)
{
	Jsonb	   *chosen = bcd_collection_of(element, choices->field);
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; chosen && i < (int) JB_ROOT_COUNT(chosen); i++)
	{
		Jsonb	   *one = JsonbValueToJsonb(getIthJsonbValueFromContainer(&chosen->root, i));

		appendStringInfo(&names, "%s\n", bcd_folded(bcd_payload_text(one, "option_display_name")));
	}
	return names.data;
}

/* Can an element be in one request with those that have joined? */
static bool
fits(const Joining *j, Jsonb *element)
{
	BcdSide		own = {j->records, 1,.elements = &element};
	char	   *key = bcd_side_key(&own, 0, bcd_records_nkeys(j->records));
	char	   *text = bcd_payload_text(element, j->records->unique);
	char	   *names = chosen_names(j->facet->choices, element);
	int			i;

	if (key == NULL || text == NULL || names[0] == '\0')
		return false;
	for (i = 0; i < j->side.n; i++)
	{
		char	   *other = bcd_payload_text(j->side.elements[i], j->records->unique);

		if (strcmp(key, bcd_side_key(&j->side, i, bcd_records_nkeys(j->records))) == 0 ||
			strcmp(bcd_folded(text), bcd_folded(other)) == 0 ||
			strcmp(names, chosen_names(j->facet->choices, j->side.elements[i])) != 0)
			return false;
	}
	return true;
}

/* Returns the note that leads to the record of a row, whatever becomes of it. */
static Jsonb *
note_of(const Joining *j, const BcdResource *resource, Jsonb *fields)
{
	const char *key = bcd_resource_key(resource, 0);
	Jsonb	   *parent = NULL;
	Jsonb	   *note;
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = j->item->lane->feed->name;
	v.val.string.len = strlen(v.val.string.val);
	parent = bcd_payload_set(parent, PARENT_FEED, &v);
	v.val.string.val = j->item->key;
	v.val.string.len = strlen(v.val.string.val);
	parent = bcd_payload_set(parent, PARENT_KEY, &v);
	v.val.string.val = bcd_payload_text(fields, key);
	v.val.string.len = strlen(v.val.string.val);
	note = bcd_payload_set(NULL, key, &v);
	bcd_jsonb_value(parent, &v);
	note = bcd_payload_set(note, resource->parent, &v);
	bcd_jsonb_value(note, &v);
	return bcd_payload_set(NULL, "", &v);
}

static bool
is_not_parent(const char *name, JsonbValue *value, void *resource)
{
	const BcdResource *r = resource;
	const BcdField *field = bcd_resource_field(r, name);

	return strcmp(name, r->parent) != 0 && !(field->flags & BCD_F_WRITE_ONLY);
}

/*
 * Announces the rows of one feed, up to the next feed: rows are sorted by feed.
 * They are read while it is assumed that the item has a record.
 */
static void
expect_rows(const Joining *j, List *rows, int from)
{
	const char *feed = ((BcdCompanion *) list_nth(rows, from))->feed;
	List	   *keys = NIL;
	int			i;

	for (i = from; i < list_length(rows); i++)
	{
		BcdCompanion *row = list_nth(rows, i);

		if (strcmp(row->feed, feed) != 0)
			break;
		keys = lappend(keys, row->key);
	}
	bcd_rows_expect(bcd_run_lane(j->item->lane->run, feed)->feed, keys, false);
}

/* Lets a row join, if it can. */
static void
join_row(Joining *j, BcdCompanion *companion)
{
	BcdLane    *child = bcd_run_lane(j->item->lane->run, companion->feed);
	BcdTaskRow	subject;
	BcdRow		row;
	Jsonb	   *fields;

	bcd_feed_look_at_row(child->feed, companion->key, &row);
	if (row.state != BCD_ROW_FOUND || bcd_flaw_of_new(child->feed->resource, row.payload) ||
		bcd_payload_integer(row.payload, child->feed->resource->parent) != PLACEHOLDER)
		return;
	bcd_feed_subject(child->feed, row.payload, 0, NULL, &subject);
	fields = ((BcdTask *) linitial(bcd_tasks(&subject)))->fields;
	fields = bcd_payload_filter(fields, is_not_parent, (void *) child->feed->resource);
	if (!is_element(j, fields) || !fits(j, fields))
		return;
	j->elements = bcd_collection_with(j->elements, fields);
	bcd_side_of(&j->side, j->records, j->elements);
	j->rows = lappend(j->rows, companion);
	j->notes = lappend(j->notes, note_of(j, child->feed->resource, fields));
}

static void
join_rows(Joining *j, List *rows)
{
	const char *feed = NULL;
	int			i;

	for (i = 0; i < list_length(rows); i++)
	{
		BcdCompanion *row = list_nth(rows, i);

		if (feed == NULL || strcmp(row->feed, feed) != 0)
			expect_rows(j, rows, i);
		feed = row->feed;
		join_row(j, row);
	}
}

/* Records the notes of the rows that join, which are sorted by feed. */
static void
record_notes(const Joining *j)
{
	int			most = list_length(j->rows);
	Datum	   *keys = palloc(sizeof(Datum) * most);
	Datum	   *notes = palloc(sizeof(Datum) * most);
	const char *feed = NULL;
	int			n = 0;
	int			i;

	for (i = 0; i <= most; i++)
	{
		BcdCompanion *row = i < most ? list_nth(j->rows, i) : NULL;

		if (feed && (row == NULL || strcmp(row->feed, feed) != 0))
		{
			bcd_pending_set_intents(feed, bcd_array(TEXTOID, keys, NULL, n), bcd_array(JSONBOID, notes, NULL, n));
			n = 0;
		}
		if (row == NULL)
			break;
		feed = row->feed;
		keys[n] = CStringGetTextDatum(row->key);
		notes[n++] = JsonbPGetDatum((Jsonb *) list_nth(j->notes, i));
	}
}

/* The feeds whose rows may join the creates of a lane, as a text array */
static Datum
feeds_of(const BcdLane *lane, int *n)
{
	const BcdRun *run = lane->run;
	Datum	   *names = palloc(sizeof(Datum) * run->nlanes);
	int			i;

	*n = 0;
	for (i = 0; i < run->nlanes; i++)
		if (may_join(run->lanes[i], lane))
			names[(*n)++] = CStringGetTextDatum(run->lanes[i]->feed->name);
	return bcd_array(TEXTOID, names, NULL, *n);
}

/*
 * An item is about to be created: lets rows that are deferred until it is
 * linked join it.  In a transaction.
 */
void
bcd_companions_join(BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	Joining		j = {facet_of_rows(feed->resource)};
	MemoryContext scratch;
	MemoryContext old;
	Datum		feeds;
	List	   *rows;
	int			n;

	if (j.facet == NULL || item->apart || !item->lane->run->kind->claims || bcd_feed_maps(feed, j.facet->collection))
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta companions", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	j.records = bcd_resource_field(feed->resource, j.facet->collection)->records;
	j.item = item;
	bcd_side_of(&j.side, j.records, NULL);
	feeds = feeds_of(item->lane, &n);
	rows = n > 0 ? bcd_companions_until(feed->name, item->key, feeds, bcd_resource_find(j.facet->rows)->parent,
										j.facet->choices->most_records) : NIL;
	bcd_ref_assume(feed->name, item->key, PLACEHOLDER);
	PG_TRY();
	{
		join_rows(&j, rows);
	}
	PG_FINALLY();
	{
		bcd_ref_assume(NULL, NULL, 0);
		bcd_rows_expect(item->lane->feed, NIL, false);
	}
	PG_END_TRY();
	if (j.rows != NIL)
	{
		/* what it takes to make the body is some ten times as large */
		Jsonb	   *body = bcd_payload_set_collection(item->decision.body, j.facet->collection, j.elements);

		MemoryContextSwitchTo(item->cxt);
		item->decision.body = bcd_payload_copy(body);
		MemoryContextSwitchTo(scratch);
		record_notes(&j);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/*
 * The note of a claimed row may name the row of its parent instead of the
 * parent's id.  Replaces that by the id; without one, there is no record.
 */
void
bcd_companion_resolve(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *parent = NULL;
	MemoryContext old;
	JsonbValue	v;
	int64		id = 0;

	if (item->lost_create && r->parent &&
		getKeyJsonValueFromContainer(&item->lost_create->root, r->parent, strlen(r->parent), &v) &&
		v.type == jbvBinary && JsonContainerIsObject(v.val.binary.data))
		parent = JsonbValueToJsonb(&v);
	if (parent == NULL)
		return;
	old = CurrentMemoryContext;
	if (bcd_payload_text(parent, PARENT_FEED) && bcd_payload_text(parent, PARENT_KEY))
		id = bcd_link_referred_to(bcd_payload_text(parent, PARENT_FEED), bcd_payload_text(parent, PARENT_KEY),
								  item->lane->run->store->options->identity);
	MemoryContextSwitchTo(item->cxt);	/* a statement leaves another one */
	item->lost_create = bcd_payload_set_integer(item->lost_create, r->parent, id);
	item->lost_create = bcd_payload_set(item->lost_create, BCD_JOINED, &v);
	MemoryContextSwitchTo(old);
}

/* Has an item joined the create of its parent, as far as it is known? */
bool
bcd_is_companion(const BcdItem *item)
{
	return bcd_payload_has(item->lost_create, BCD_JOINED);
}
