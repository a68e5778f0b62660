/*
 * link.c
 *		bcdelta.link: which rows are linked to which records, and links made
 *		by hand.
 *
 * Most functions look up the record of one row or the row of one record; a
 * verify reads all links of a feed in portions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "tables/link.h"
#include "tables/link_unique.h"

static BcdStatement select_key = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND address = $2::text",
	2, {TEXTOID, INT8OID}
};

static BcdStatement select_keys = {
	"SELECT key FROM bcdelta.link WHERE feed = $1", 1, {TEXTOID}
};

/* Returns the keys of all rows of a feed that are linked. */
List *
bcd_link_keys(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_column_list(bcd_select(&select_keys, &arg, NULL), 1);
}

static const BcdProbe any_link = {"link", "link_address_feed_key", "address", "feed"};

/*
 * Returns the key that a record is linked to, or NULL if it has no link, as
 * every new record.
 */
char *
bcd_link_key(const char *feed, int64 store_id)
{
	Datum		args[] = {CStringGetTextDatum(feed), Int64GetDatum(store_id)};

	if (!bcd_probe(&any_link, CStringGetTextDatum(psprintf(INT64_FORMAT, store_id)), feed))
		return NULL;
	return bcd_select(&select_key, args, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement select_other_row = {
	"SELECT l.key, o.feed FROM bcdelta.link AS l JOIN bcdelta.feed AS o USING (feed)"
	" JOIN bcdelta.feed AS f USING (server, resource, store)"
	" WHERE f.feed = $1 AND l.address = $2 AND o.feed <> f.feed AND o.fields ?& $3 LIMIT 1",
	3, {TEXTOID, TEXTOID, TEXTARRAYOID}
};

static bool
other_row_at(const char *feed, const BcdResource *resource, const char *address, char **other_feed,
			 char **key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(address), bcd_unique_required(resource)};

	if (bcd_select(&select_other_row, args, NULL) == 0)
		return false;
	*key = bcd_column_text(0, 1);
	*other_feed = bcd_column_text(0, 2);
	return true;
}

/*
 * Finds the row of another feed that is also linked to a record. Returns false
 * if there is none that keeps the record alive.
 */
bool
bcd_link_other_row(const char *feed, const BcdResource *resource, int64 store_id,
				   char **other_feed, char **key)
{
	return other_row_at(feed, resource, psprintf(INT64_FORMAT, store_id), other_feed, key);
}

/* Returns the same row as a text for messages, or NULL. */
char *
bcd_link_other_owner(const char *feed, const BcdResource *resource, int64 store_id)
{
	return bcd_link_owner_elsewhere(feed, resource, psprintf(INT64_FORMAT, store_id));
}

/* The same for the record at an address */
char *
bcd_link_owner_elsewhere(const char *feed, const BcdResource *resource, const char *address)
{
	char	   *other_feed;
	char	   *key;

	if (!other_row_at(feed, resource, address, &other_feed, &key))
		return NULL;
	return psprintf("row %s of feed \"%s\"", key, other_feed);
}

static BcdStatement select_at = {
	"SELECT l.key, NULL, l.payload, l.remembered, l.address FROM unnest($2) AS n(address)"
	" CROSS JOIN LATERAL (SELECT o.key, o.payload, o.remembered, o.address FROM bcdelta.link AS o"
	"  WHERE o.feed = $1 AND o.address = n.address LIMIT 1) AS l",
	2, {TEXTOID, TEXTARRAYOID}
};

/*
 * Selects the links of a feed that have one of these addresses; returns their
 * number.  They are read as those of bcd_links_select().
 */
uint64
bcd_links_at(const char *feed, char *const *addresses, int n)
{
	Datum	   *texts = palloc(sizeof(Datum) * Max(n, 1));
	Datum		args[2];
	int			i;

	for (i = 0; i < n; i++)
		texts[i] = CStringGetTextDatum(addresses[i]);
	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_array(TEXTOID, texts, NULL, n);
	return bcd_select(&select_at, args, NULL);
}

static BcdStatement select_exists = {
	"SELECT FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	" WHERE f.server = $1 AND f.resource = $2 AND l.address = $3::text AND f.store = $4",
	4, {NAMEOID, TEXTOID, INT8OID, TEXTOID}
};

/* Returns whether a record of a store is linked to a row of any feed. */
bool
bcd_link_exists(const char *server, const BcdResource *resource, const char *store, int64 store_id)
{
	Datum		args[4];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(resource->name);
	args[2] = Int64GetDatum(store_id);
	args[3] = CStringGetTextDatum(store ? store : "");
	return bcd_execute(&select_exists, args, NULL) > 0;
}

static BcdStatement select_text = {
	"SELECT l.payload ->> $5 FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	" WHERE f.server = $1 AND f.resource = $2 AND l.address = $3::text AND f.store = $4 AND l.payload ? $5 LIMIT 1",
	5, {NAMEOID, TEXTOID, INT8OID, TEXTOID, TEXTOID}
};

/*
 * Returns a field of a record of a store as text, as far as a link of any feed
 * tells, in the current memory context; or NULL.
 */
char *
bcd_link_text(const char *server, const BcdResource *resource, const char *store, int64 store_id, const char *field)
{
	Datum		args[5];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(resource->name);
	args[2] = Int64GetDatum(store_id);
	args[3] = CStringGetTextDatum(store ? store : "");
	args[4] = CStringGetTextDatum(field);
	return bcd_select(&select_text, args, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}

/* What bcd_links_read() reads */
#define LINK_COLUMNS	"key, store_id, payload, remembered, address, aside, doubt, sent"

static BcdStatement select_next = {
	"SELECT " LINK_COLUMNS " FROM bcdelta.link WHERE feed = $1 AND " BCD_BEHIND_KEY
	" ORDER BY key LIMIT $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/* Drawn from the index, which is much smaller than the payloads */
static BcdStatement select_sample = {
	"SELECT l.* FROM ("
	"  SELECT key FROM bcdelta.link WHERE feed = $1 ORDER BY random() LIMIT $3) AS s"
	" CROSS JOIN LATERAL ("
	"  SELECT " LINK_COLUMNS " FROM bcdelta.link AS o"
	"  WHERE o.feed = $1 AND o.key = s.key LIMIT 1) AS l",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Selects up to limit links of a feed, either those that follow a key (NULL:
 * from the start) or a random sample; returns their number.
 */
uint64
bcd_links_select(const char *feed, const char *after, bool sample, int64 limit)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(after, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	return bcd_select(sample ? &select_sample : &select_next, args, nulls);
}

static BcdStatement select_of = {
	"SELECT " LINK_COLUMNS " FROM bcdelta.link WHERE feed = $1 AND key = ANY ($2)",
	2, {TEXTOID, TEXTARRAYOID}
};

/* Selects the links of rows, in any order; returns their number. */
uint64
bcd_links_of(const char *feed, List *keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), bcd_text_array(keys)};

	return bcd_select(&select_of, args, NULL);
}

/*
 * Read these before the next statement; they are put into the current memory
 * context.
 */
char *
bcd_links_key(uint64 i)
{
	return bcd_column_text(i, 1);
}

void
bcd_links_read(uint64 i, BcdLinkRow *link)
{
	link->store_id = bcd_column_int64(i, 2, NULL);
	link->payload = bcd_column_jsonb(i, 3);
	link->remembered = bcd_column_jsonb(i, 4);
	link->address = bcd_column_text(i, 5);
	link->aside = bcd_column_jsonb(i, 6);
	link->doubt = bcd_column_jsonb(i, 7);
	link->sent = bcd_column_jsonb(i, 8);
}

/*
 * Reads the link of a row into the current memory context. Returns false if it
 * has none.
 */
bool
bcd_link_read(const char *feed, const char *key, BcdLinkRow *link)
{
	if (bcd_links_of(feed, list_make1((char *) key)) == 0)
		return false;
	bcd_links_read(0, link);
	return true;
}

static BcdStatement select_aside = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND aside IS NOT NULL",
	1, {TEXTOID}
};

/*
 * Returns the rows of a feed whose records have temporarily given up a value.
 */
List *
bcd_links_aside(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_column_list(bcd_select(&select_aside, &arg, NULL), 1);
}

static BcdStatement select_hidden = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND payload -> $2 = to_jsonb($3)",
	3, {TEXTOID, TEXTOID, BOOLOID}
};

/*
 * Returns the rows of a feed whose records are hidden, according to their
 * links.
 */
List *
bcd_links_hidden(const char *feed, const BcdResource *resource)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(resource->hidden_by), BoolGetDatum(resource->hidden_when)};

	return bcd_column_list(bcd_select(&select_hidden, args, NULL), 1);
}

static BcdStatement forget_hidden = {
	"UPDATE bcdelta.link SET payload = payload - $2, remembered = remembered - $2"
	" WHERE feed = $1 AND key = ANY ($3)",
	3, {TEXTOID, TEXTOID, TEXTARRAYOID}
};

/* Forgets whether the records of these rows (text[]) are hidden. */
void
bcd_links_forget_hidden(const char *feed, const char *hidden_by, Datum keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(hidden_by), keys};

	(void) bcd_execute(&forget_hidden, args, NULL);
}

static BcdStatement forget_shown = {
	"UPDATE bcdelta.link SET payload = payload - $2, remembered = remembered - $2"
	" WHERE feed = $1 AND payload -> $2 = to_jsonb(NOT $3)",
	3, {TEXTOID, TEXTOID, BOOLOID}
};

/* Forgets which records of a feed are shown. */
void
bcd_links_forget_shown(const char *feed, const BcdResource *resource)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(resource->hidden_by), BoolGetDatum(resource->hidden_when)};

	(void) bcd_execute(&forget_shown, args, NULL);
}

static BcdStatement forget_field_of = {
	"UPDATE bcdelta.link SET payload = payload - $3 WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* Forgets what the store holds of a field of one record. */
void
bcd_link_forget_field(const char *feed, const char *key, const char *field)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(field)};

	(void) bcd_execute(&forget_field_of, args, NULL);
}

static BcdStatement forget_field = {
	"UPDATE bcdelta.link SET payload = payload - $2, remembered = remembered - $2, doubt = NULL WHERE feed = $1",
	2, {TEXTOID, TEXTOID}
};

/*
 * Forgets the value of a field in the links of a feed, and how differences of
 * it have fared.
 */
void
bcd_links_forget_field(const char *feed, const char *field)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(field)};

	(void) bcd_execute(&forget_field, args, NULL);
}

/*
 * A link does not count if it is about to move to another key, if another link
 * is about to move here, or if its record is in another store.
 */
static BcdStatement select_referred_to = {
	"SELECT store_id FROM bcdelta.link AS l WHERE feed = $1 AND key = $2 AND NOT EXISTS ("
	" SELECT FROM bcdelta.feed AS f WHERE f.feed = $1 AND (f.store <> $3"
	"  OR EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = f.feed_id AND m.key = $2)"
	"  OR EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = f.feed_id AND m.moved_from = $2)))",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Returns the id that a reference to a row has in a store (NULL: any), or 0 if
 * there is none yet.
 */
int64
bcd_link_referred_to(const char *feed, const char *key, const char *store)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = bcd_text_or_null(store, &nulls[2]);
	return bcd_execute(&select_referred_to, args, nulls) == 0 ? 0 : bcd_column_int64(0, 1, NULL);
}

/* $3: the key has moved here; otherwise it must not have moved away */
static BcdStatement select_ahead = {
	"SELECT store_id, payload, address, doubt, remembered, sent, found FROM bcdelta.link WHERE feed = $1 AND key = $2 AND ($3 OR NOT EXISTS"
	" (SELECT FROM bcdelta.change AS c WHERE c.feed_id = $4 AND c.op = 'm' AND c.moved_from = $2)"
	" AND NOT EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $4 AND m.moved_from = $2))",
	4, {TEXTOID, TEXTOID, BOOLOID, INT4OID}
};

/*
 * Reads the link that a row will have once the changes are folded, using the
 * caller's snapshot. Returns false if it will have none.
 */
bool
bcd_link_read_ahead(const char *feed, int32 feed_id, const char *key, bool moved_here,
					BcdLinkRow *link)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[4];
	uint64		n;

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = BoolGetDatum(moved_here);
	args[3] = Int32GetDatum(feed_id);
	n = bcd_query_as_seen(&select_ahead, args, NULL, 1);
	MemoryContextSwitchTo(cxt);
	if (n == 0)
		return false;
	link->store_id = bcd_column_int64(0, 1, NULL);
	link->payload = bcd_column_jsonb(0, 2);
	link->address = bcd_column_text(0, 3);
	link->doubt = bcd_column_jsonb(0, 4);
	link->remembered = bcd_column_jsonb(0, 5);
	link->sent = bcd_column_jsonb(0, 6);
	link->found = bcd_column_jsonb(0, 7);
	return true;
}

/* Runs a statement about a link that is made by hand */
static uint64
about(BcdStatement *statement, const char *feed, const char *key, int64 store_id)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), Int64GetDatum(store_id)};

	return bcd_execute(statement, args, NULL);
}

static BcdStatement select_other_key = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND address = $3::text AND key <> $2",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/* Returns another row that a record is linked to, or NULL. */
char *
bcd_link_key_but(const char *feed, int64 store_id, const char *key)
{
	return about(&select_other_key, feed, key, store_id) > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement select_other_id = {
	"SELECT store_id FROM bcdelta.link WHERE feed = $1 AND key = $2 AND store_id <> $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/* Returns another record that a row is linked to, or 0. */
int64
bcd_link_id_but(const char *feed, const char *key, int64 store_id)
{
	return about(&select_other_id, feed, key, store_id) > 0 ? bcd_column_int64(0, 1, NULL) : 0;
}

static BcdStatement put_link = {
	"INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ($1, $2, $3, $3::text)"
	" ON CONFLICT (feed, key) DO UPDATE SET store_id = excluded.store_id, address = excluded.address,"
	" payload = CASE WHEN link.address = excluded.address THEN link.payload END,"
	" remembered = CASE WHEN link.address = excluded.address THEN link.remembered END,"
	" sent = CASE WHEN link.address = excluded.address THEN link.sent END,"
	" found = CASE WHEN link.address = excluded.address THEN link.found END,"
	" aside = CASE WHEN link.address = excluded.address THEN link.aside END",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Links a row to a record. The link has no payload unless the two were linked
 * before.
 */
void
bcd_link_put(const char *feed, const char *key, int64 store_id)
{
	(void) about(&put_link, feed, key, store_id);
}

static BcdStatement delete_link = {
	"DELETE FROM bcdelta.link WHERE feed = $1 AND key = $2 RETURNING store_id, address", 2, {TEXTOID, TEXTOID}
};

/*
 * Removes the link of a row; returns the address of the record that it was linked
 * to, or NULL if it had none. *store_id is set to the id of that, or to 0 if it
 * has none.
 */
char *
bcd_link_delete(const char *feed, const char *key, int64 *store_id)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	if (bcd_execute(&delete_link, args, NULL) == 0)
		return NULL;
	*store_id = bcd_column_int64(0, 1, NULL);
	return bcd_column_text(0, 2);
}

static BcdStatement delete_links = {
	"DELETE FROM bcdelta.link WHERE feed = $1", 1, {TEXTOID}
};

/* Removes all links of a feed; returns their number. */
uint64
bcd_links_delete(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_execute(&delete_links, &arg, NULL);
}
