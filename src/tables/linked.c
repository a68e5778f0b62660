/*
 * linked.c
 *		What is linked to what: the statements that read bcdelta.link.
 *
 * Most ask for the record of one row, or for the row of one record; a verify
 * goes through all links of a feed, some at a time.  Links are written with
 * the decisions (record.c) or by hand (link_row.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "tables/link_unique.h"
#include "tables/queue.h"

static BcdStatement linked_to = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND store_id = $2",
	2, {TEXTOID, INT8OID}
};

/* The key that a record is linked to, or NULL. */
char *
bcd_queue_linked_key(const char *feed, int64 store_id)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = Int64GetDatum(store_id);
	return bcd_execute(&linked_to, args, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement other_owner = {
	"SELECT l.key, o.feed FROM bcdelta.feed AS f JOIN bcdelta.feed AS o USING (server, resource, store)"
	" JOIN bcdelta.link AS l ON l.feed = o.feed AND l.store_id = $2"
	" WHERE f.feed = $1 AND o.feed <> f.feed AND o.fields ?& $3 LIMIT 1",
	3, {TEXTOID, INT8OID, TEXTARRAYOID}
};

/*
 * The row of another feed that a record is linked to as well; false: there is
 * none that keeps it alive.
 */
bool
bcd_queue_other_row(const BcdFeed *feed, int64 store_id, char **other_feed, char **key)
{
	Datum		args[3];

	args[0] = CStringGetTextDatum(feed->name);
	args[1] = Int64GetDatum(store_id);
	args[2] = bcd_unique_required(feed->resource);
	if (bcd_execute(&other_owner, args, NULL) == 0)
		return false;
	*key = bcd_column_text(0, 1);
	*other_feed = bcd_column_text(0, 2);
	return true;
}

/* The same as a text for messages, or NULL. */
char *
bcd_queue_other_owner(const BcdFeed *feed, int64 store_id)
{
	char	   *other_feed;
	char	   *key;

	if (!bcd_queue_other_row(feed, store_id, &other_feed, &key))
		return NULL;
	return psprintf("row %s of feed \"%s\"", key, other_feed);
}

static BcdStatement links_of = {
	"SELECT store_id, payload, remembered, aside FROM bcdelta.link WHERE feed = $1 AND key = $2",
	2, {TEXTOID, TEXTOID}
};

/* Fills in an item's link, if it has one. */
void
bcd_queue_link_of(BcdLane *lane, BcdItem *item)
{
	Datum		args[2];
	MemoryContext old;

	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = CStringGetTextDatum(item->key);
	if (bcd_execute(&links_of, args, NULL) == 0)
		return;
	old = MemoryContextSwitchTo(item->cxt);
	item->store_id = bcd_column_int64(0, 1, NULL);
	item->linked = true;
	item->known = bcd_column_jsonb(0, 2);
	item->remembered = bcd_column_jsonb(0, 3);
	item->aside = bcd_column_jsonb(0, 4);
	MemoryContextSwitchTo(old);
}

static BcdStatement next_links = {
	"SELECT key, store_id, payload, remembered FROM bcdelta.link WHERE feed = $1 AND " BEHIND_CURSOR
	" ORDER BY key LIMIT $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};
/* Drawn from the index, which is much smaller than the payloads */
static BcdStatement sample_links = {
	"SELECT s.key, l.store_id, l.payload, l.remembered FROM ("
	"  SELECT key FROM bcdelta.link WHERE feed = $1 ORDER BY random() LIMIT $3) AS s"
	" CROSS JOIN LATERAL ("
	"  SELECT o.store_id, o.payload, o.remembered FROM bcdelta.link AS o"
	"  WHERE o.feed = $1 AND o.key = s.key LIMIT 1) AS l",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Links as items: the next ones behind the lane's cursor, or a random sample.
 * The list is in cxt; the cursor is moved by the caller.
 */
List *
bcd_queue_links(BcdLane *lane, bool sample, int64 limit, MemoryContext cxt)
{
	Datum		args[3];
	char		nulls[] = "   ";
	List	   *items = NIL;
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = bcd_text_or_null(lane->cursor, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	n = bcd_execute(sample ? &sample_links : &next_links, args, nulls);
	for (i = 0; i < n; i++)
	{
		BcdItem    *item = bcd_item_create(lane, bcd_column_text(i, 1));
		MemoryContext old = MemoryContextSwitchTo(item->cxt);

		item->store_id = bcd_column_int64(i, 2, NULL);
		item->linked = true;
		item->known = bcd_column_jsonb(i, 3);
		item->remembered = bcd_column_jsonb(i, 4);
		MemoryContextSwitchTo(cxt);
		items = lappend(items, item);
		MemoryContextSwitchTo(old);
	}
	return items;
}

static BcdStatement is_linked = {
	"SELECT FROM bcdelta.feed AS f JOIN bcdelta.link AS l USING (feed)"
	" WHERE f.server = $1 AND f.resource = $2 AND l.store_id = $3 AND f.store = $4",
	4, {NAMEOID, TEXTOID, INT8OID, TEXTOID}
};

/* Is a record of the store linked to a row of any feed? */
bool
bcd_queue_is_linked(const BcdFeed *feed, int64 store_id)
{
	Datum		args[4];

	args[0] = bcd_name_datum(feed->server);
	args[1] = CStringGetTextDatum(feed->resource->name);
	args[2] = Int64GetDatum(store_id);
	args[3] = CStringGetTextDatum(feed->server_store ? feed->server_store : "");
	return bcd_execute(&is_linked, args, NULL) > 0;
}
