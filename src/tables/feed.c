/*
 * feed.c
 *		bcdelta.feed: the definitions of feeds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/authority.h"
#include "tables/feed.h"
#include "tables/move.h"
#include "tables/table_names.h"

static BcdStatement select_feed = {
	"SELECT feed_id, feed, source::oid::int8, server, resource, fields, on_delete, options,"
	" owner::oid::int8, state, paused_reason, home, key, capture, filter, version::int8, key_types, store,"
	" (SELECT l.key FROM bcdelta.link AS l WHERE l.feed = $1 ORDER BY l.key LIMIT 1) IS NOT NULL OR"
	" (SELECT p.key FROM bcdelta.pending AS p WHERE p.feed = $1 AND p.intent IS NOT NULL AND p.intent ? '' ORDER BY p.key LIMIT 1) IS NOT NULL,"
	" merged,"
	" (SELECT a.key FROM bcdelta.adjustment AS a WHERE a.feed = $1 AND a.state <> 'ended' ORDER BY a.key LIMIT 1) IS NOT NULL,"
	" on_conflict, policies,"
	" (SELECT c.address FROM bcdelta.conflict AS c WHERE c.feed = $1 AND c.is_current ORDER BY c.address LIMIT 1) IS NOT NULL,"
	" " BCD_AUTHORITY_OF_FEED
	" FROM bcdelta.feed WHERE feed = $1",
	1, {TEXTOID}
};

static Datum
copied_array(uint64 row, int column)
{
	bool		isnull;

	return PointerGetDatum(DatumGetArrayTypePCopy(bcd_column_datum(row, column, &isnull)));
}

/*
 * Reads a feed's row into the current memory context. Returns false if there
 * is no such feed.
 */
bool
bcd_feed_row_read(const char *feed, BcdFeedRow *row)
{
	Datum		arg = CStringGetTextDatum(feed);
	bool		isnull;

	if (bcd_select(&select_feed, &arg, NULL) == 0)
		return false;
	row->feed_id = DatumGetInt32(bcd_column_datum(0, 1, &isnull));
	row->feed = bcd_column_text(0, 2);
	row->source = (Oid) bcd_column_int64(0, 3, NULL);
	row->server = bcd_column_text(0, 4);
	row->resource = bcd_column_text(0, 5);
	row->fields = bcd_column_jsonb(0, 6);
	row->on_delete = bcd_column_text(0, 7);
	row->options = bcd_column_jsonb(0, 8);
	row->owner = (Oid) bcd_column_int64(0, 9, NULL);
	row->state = bcd_column_text(0, 10);
	row->paused_reason = bcd_column_text(0, 11);
	row->home = bcd_column_text(0, 12);
	row->key = copied_array(0, 13);
	row->capture = bcd_column_text(0, 14);
	row->filter = bcd_column_text(0, 15);
	row->version = (int32) bcd_column_int64(0, 16, NULL);
	row->key_types = copied_array(0, 17);
	row->store = bcd_column_text(0, 18);
	row->has_links = bcd_column_bool(0, 19);
	row->merged = copied_array(0, 20);
	row->adjusted = bcd_column_bool(0, 21);
	row->on_conflict = bcd_column_text(0, 22);
	row->policies = bcd_column_jsonb(0, 23);
	row->disputed = bcd_column_bool(0, 24);
	row->authority = bcd_column_text(0, 25);
	row->authorities = bcd_column_jsonb(0, 26);
	row->adjusted |= bcd_column_bool(0, 27);
	return true;
}

static BcdStatement insert_feed = {
	"INSERT INTO bcdelta.feed (feed, source, server, resource, key, fields, capture, on_delete,"
	" on_conflict, options, owner, home, filter, source_name, key_types)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, " BCD_NAME_OF_TABLE("$2") ","
	"  ARRAY(SELECT a.atttypid::regtype FROM unnest($5) WITH ORDINALITY AS k (name, n)"
	"   JOIN pg_attribute AS a ON a.attrelid = $2 AND a.attname = k.name ORDER BY k.n))"
	" ON CONFLICT (feed) DO NOTHING",
	13, {TEXTOID, REGCLASSOID, NAMEOID, TEXTOID, NAMEARRAYOID, JSONBOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID, OIDOID, TEXTOID, TEXTOID}
};

/* Returns false if there is a feed of this name already. */
bool
bcd_feed_row_insert(const BcdNewFeed *feed)
{
	Datum		args[13];
	char		nulls[] = "             ";

	args[0] = CStringGetTextDatum(feed->feed);
	args[1] = ObjectIdGetDatum(feed->source);
	args[2] = bcd_name_datum(feed->server);
	args[3] = CStringGetTextDatum(feed->resource);
	args[4] = feed->key;
	args[5] = JsonbPGetDatum(feed->fields);
	args[6] = CStringGetTextDatum(feed->capture);
	args[7] = CStringGetTextDatum(feed->on_delete);
	args[8] = CStringGetTextDatum(feed->on_conflict);
	args[9] = JsonbPGetDatum(feed->options);
	args[10] = ObjectIdGetDatum(feed->owner);
	args[11] = CStringGetTextDatum(feed->home);
	args[12] = bcd_text_or_null(feed->filter, &nulls[12]);
	return bcd_execute(&insert_feed, args, nulls) > 0;
}

/* The old and new values of each part of the definition that changes */
static BcdStatement compare_feed = {
	"SELECT fields IS DISTINCT FROM coalesce($2, fields)"
	" OR ($4 AND filter IS DISTINCT FROM $3),"
	" (SELECT jsonb_object_agg(c.part, jsonb_build_object('old', c.old, 'new', c.new))"
	"  FROM (VALUES ('filter', to_jsonb(filter), to_jsonb(CASE WHEN $4 THEN $3 ELSE filter END)),"
	"   ('on_delete', to_jsonb(on_delete), to_jsonb(coalesce($5, on_delete))),"
	"   ('on_conflict', to_jsonb(on_conflict), to_jsonb(coalesce($6, on_conflict))),"
	"   ('options', options, coalesce($7, options)),"
	"   ('fields', (SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(fields) AS o"
	"     WHERE $2->o.key IS DISTINCT FROM o.value),"
	"    (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(coalesce($2, fields)) AS n"
	"     WHERE fields->n.key IS DISTINCT FROM n.value))) AS c (part, old, new)"
	"  WHERE c.old IS DISTINCT FROM c.new AND (c.part <> 'fields' OR $2 IS NOT NULL))"
	" FROM bcdelta.feed WHERE feed_id = $1",
	8, {INT4OID, JSONBOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, JSONBOID, INT4OID}
};

static BcdStatement update_feed = {
	"UPDATE bcdelta.feed SET fields = coalesce($2, fields),"
	" filter = CASE WHEN $4 THEN $3 ELSE filter END,"
	" on_delete = coalesce($5, on_delete), on_conflict = coalesce($6, on_conflict),"
	" options = coalesce($7, options), merged = CASE WHEN $7 IS NULL THEN merged ELSE '{}' END, version = version + 1"
	" WHERE feed_id = $1 AND version = $8",
	8, {INT4OID, JSONBOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, JSONBOID, INT4OID}
};

/*
 * Alters a feed, sets *differs if its rows may have different payloads
 * afterwards, and *detail to what changes, old and new, or NULL. Returns false
 * if the feed no longer has this version.
 */
bool
bcd_feed_row_update(int32 feed_id, int32 version, const BcdFeedChange *change, bool *differs, Jsonb **detail)
{
	bool		found;
	char		nulls[] = "        ";
	Datum		args[8];

	args[0] = Int32GetDatum(feed_id);
	args[1] = bcd_jsonb_or_null(change->fields, &nulls[1]);
	args[2] = bcd_text_or_null(change->filter, &nulls[2]);
	args[3] = BoolGetDatum(change->sets_filter);
	args[4] = bcd_text_or_null(change->on_delete, &nulls[4]);
	args[5] = bcd_text_or_null(change->on_conflict, &nulls[5]);
	args[6] = bcd_jsonb_or_null(change->options, &nulls[6]);
	args[7] = Int32GetDatum(version);
	found = bcd_select(&compare_feed, args, nulls) == 1;
	*differs = found && bcd_column_bool(0, 1);
	*detail = found ? bcd_column_jsonb(0, 2) : NULL;
	return bcd_execute(&update_feed, args, nulls) > 0;
}

static BcdStatement set_policy = {
	"UPDATE bcdelta.feed AS f SET version = f.version + 1,"
	" on_conflict = CASE WHEN $2 IS NULL THEN coalesce($3, 'source') ELSE f.on_conflict END,"
	" policies = CASE WHEN $2 IS NULL THEN f.policies WHEN $3 IS NULL THEN f.policies - $2"
	"  ELSE f.policies || jsonb_build_object($2, $3) END"
	" FROM bcdelta.feed AS o WHERE f.feed = $1 AND o.feed = f.feed"
	" RETURNING jsonb_strip_nulls(jsonb_build_object('field', $2, 'old', CASE WHEN $2 IS NULL THEN o.on_conflict ELSE o.policies ->> $2 END, 'new', $3))",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Sets the conflict policy of a field (NULL: of the feed); policy NULL: that
 * of the feed applies, or source. Returns the old and the new one in words.
 */
Jsonb *
bcd_feed_set_policy(const char *feed, const char *field, const char *policy)
{
	MemoryContext cxt = CurrentMemoryContext;
	char		nulls[] = "   ";
	Datum		args[3];
	bool		found;

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(field, &nulls[1]);
	args[2] = bcd_text_or_null(policy, &nulls[2]);
	found = bcd_execute(&set_policy, args, nulls) > 0;
	MemoryContextSwitchTo(cxt);
	return found ? bcd_column_jsonb(0, 1) : NULL;
}

static BcdStatement select_definition = {
	"SELECT jsonb_strip_nulls(jsonb_build_object('source', source, 'resource', resource, 'key', key,"
	" 'fields', fields, 'filter', filter, 'capture', capture, 'on_delete', on_delete, 'on_conflict', on_conflict,"
	" 'options', options, 'owner', owner)) FROM bcdelta.feed WHERE feed = $1",
	1, {TEXTOID}
};

/* Returns a feed's definition in words, in the current memory context. */
Jsonb *
bcd_feed_definition(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_select(&select_definition, &arg, NULL) == 1 ? bcd_column_jsonb(0, 1) : NULL;
}

static BcdStatement delete_feed = {
	"DELETE FROM bcdelta.feed WHERE feed = $1", 1, {TEXTOID}
};

void
bcd_feed_row_delete(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&delete_feed, &arg, NULL);
}

static BcdStatement put_key_types = {
	"UPDATE bcdelta.feed SET key_types = $2, version = version + 1 WHERE feed = $1",
	2, {TEXTOID, REGTYPEARRAYOID}
};

/*
 * Sets the types of the key columns (regtype[]) that keys are spelled by from
 * now on.
 */
void
bcd_feed_set_key_types(const char *feed, Datum key_types)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = key_types;
	(void) bcd_execute(&put_key_types, args, NULL);
}

static BcdStatement count_version = {
	"UPDATE bcdelta.feed SET version = version + 1 WHERE feed_id = $1", 1, {INT4OID}
};

/* Runs in progress read the feed again before they go on. */
void
bcd_feed_is_new_version(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	(void) bcd_execute(&count_version, &arg, NULL);
}

static BcdStatement select_current = {
	"SELECT FROM bcdelta.feed WHERE feed_id = $1 AND version = $2",
	2, {INT4OID, INT4OID}
};

/*
 * Returns whether the feed still has this version, reading what is committed
 * now.
 */
bool
bcd_feed_is_current(int32 feed_id, int32 version)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = Int32GetDatum(version);
	return bcd_query_newest(&select_current, args, NULL, 1) > 0;
}

static BcdStatement compare_version = {
	"SELECT version = $2 FROM bcdelta.feed WHERE feed_id = $1",
	2, {INT4OID, INT4OID}
};

/* Returns whether the feed exists and was altered since that version. */
bool
bcd_feed_is_altered(int32 feed_id, int32 version)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = Int32GetDatum(version);
	return bcd_execute(&compare_version, args, NULL) > 0 && !bcd_column_bool(0, 1);
}

static BcdStatement select_server = {
	"SELECT server FROM bcdelta.feed WHERE feed = $1",
	1, {TEXTOID}
};

/* Returns the server of a feed, or NULL if there is no such feed. */
char *
bcd_feed_server(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_select(&select_server, &arg, NULL) == 1 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement select_readable = {
	"SELECT FROM bcdelta.feed AS f JOIN pg_catalog.pg_foreign_server AS s ON s.srvname = f.server"
	" WHERE f.feed = $1 AND pg_catalog.has_server_privilege($2, s.oid, 'USAGE')",
	2, {TEXTOID, OIDOID}
};

/* Returns whether the feed exists and the role may use its store. */
bool
bcd_feed_may_be_read(const char *feed, Oid role)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = ObjectIdGetDatum(role);
	return bcd_execute(&select_readable, args, NULL) > 0;
}

static BcdStatement select_place = {
	"SELECT f.state, l.feed IS NOT NULL, p.state, p.waits_feed, p.waits_key, f.filter IS NOT NULL"
	" FROM (SELECT 1) AS one"
	" LEFT JOIN LATERAL (SELECT state, filter FROM bcdelta.feed WHERE feed = $1 LIMIT 1) AS f ON true"
	" LEFT JOIN LATERAL (SELECT feed FROM bcdelta.link WHERE feed = $1 AND key = $2 LIMIT 1) AS l ON true"
	" LEFT JOIN LATERAL (SELECT state, waits_feed, waits_key FROM bcdelta.pending"
	"  WHERE feed = $1 AND key = $2 LIMIT 1) AS p ON true",
	2, {TEXTOID, TEXTOID}
};

/*
 * Reads what will happen to a row that a row of another feed is waiting for.
 */
void
bcd_feed_place(const char *feed, const char *key, BcdFeedPlace *place)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	(void) bcd_select(&select_place, args, NULL);
	place->feed_state = bcd_column_text(0, 1);
	place->linked = bcd_column_bool(0, 2);
	place->state = bcd_column_text(0, 3);
	place->waits_feed = bcd_column_text(0, 4);
	place->waits_key = bcd_column_text(0, 5);
	place->filtered = bcd_column_bool(0, 6);
}

static BcdStatement list_feeds = {
	"SELECT feed FROM bcdelta.feed WHERE server = $1 AND ($2 IS NULL OR feed = $2) ORDER BY feed_id",
	2, {NAMEOID, TEXTOID}
};

/*
 * Returns the names of a server's feeds, or the one feed's name, in the
 * current memory context.
 */
List *
bcd_feeds_of(const char *server, const char *feed)
{
	Datum		args[2];
	char		nulls[] = "  ";

	args[0] = bcd_name_datum(server);
	args[1] = bcd_filled_or_null(feed, &nulls[1]);
	return bcd_column_list(bcd_select(&list_feeds, args, nulls), 1);
}

static BcdStatement list_servers = {
	"SELECT DISTINCT f.server FROM bcdelta.feed AS f"
	" JOIN pg_catalog.pg_foreign_server AS s ON s.srvname = f.server"
	" WHERE pg_catalog.has_server_privilege($1, s.oid, 'USAGE')",
	1, {OIDOID}
};

/*
 * Returns the servers with feeds that a role may use, in the current memory
 * context.
 */
List *
bcd_feed_servers(Oid role)
{
	Datum		arg = ObjectIdGetDatum(role);

	return bcd_column_list(bcd_select(&list_servers, &arg, NULL), 1);
}

/* Returns feed ids in the current memory context. */
static List *
ids(BcdStatement *statement, Datum feed_ids)
{
	uint64		n = bcd_select(statement, &feed_ids, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		bool		isnull;

		list = lappend_int(list, DatumGetInt32(bcd_column_datum(i, 1, &isnull)));
	}
	return list;
}

/*
 * Locks feeds so that they cannot be removed. A feed whose row is locked by
 * another session is left for later, but one that does not exist is not among
 * the known feeds at all.
 */
static BcdStatement lock_feeds = {
	"SELECT feed_id FROM bcdelta.feed WHERE feed_id = ANY ($1) FOR KEY SHARE SKIP LOCKED",
	1, {INT4ARRAYOID}
};
static BcdStatement known_feeds = {
	"SELECT feed_id FROM bcdelta.feed WHERE feed_id = ANY ($1)",
	1, {INT4ARRAYOID}
};
static BcdStatement hash_stores = {
	"SELECT coalesce(hashtextextended(string_agg(feed_id::text || ' ' || coalesce(store, ''), ',' ORDER BY feed_id), 0), 0)"
	" FROM bcdelta.feed",
	0, {0}
};

/*
 * Returns a number that changes when feeds are added or removed, or lead to
 * other stores.
 */
int64
bcd_feeds_hash(void)
{
	(void) bcd_execute(&hash_stores, NULL, NULL);
	return bcd_column_int64(0, 1, NULL);
}

static BcdStatement lock_moving = {
	"SELECT feed_id FROM bcdelta.feed WHERE feed_id = ANY (ARRAY(" BCD_MOVING " SELECT w.id FROM w))"
	" FOR KEY SHARE SKIP LOCKED",
	0
};

/*
 * Returns those of these feeds (int4[]) that could be locked against removal.
 */
List *
bcd_feeds_lock(Datum feed_ids)
{
	return ids(&lock_feeds, feed_ids);
}

/* Returns those of these feeds (int4[]) that exist. */
List *
bcd_feeds_known(Datum feed_ids)
{
	return ids(&known_feeds, feed_ids);
}

static BcdStatement are_complete = {
	"SELECT " BCD_FEEDS_COMPLETE,
	0, {0}
};

/*
 * Are all feeds of the database here?  If they may yet be restored, nothing that
 * belongs to a missing one may be taken for what a removed one has left behind.
 */
bool
bcd_feeds_are_complete(void)
{
	(void) bcd_execute(&are_complete, NULL, NULL);
	return bcd_column_bool(0, 1);
}

/* Returns the feeds with key changes, after locking them against removal. */
List *
bcd_feeds_moving(void)
{
	return ids(&lock_moving, (Datum) 0);
}

static BcdStatement select_others = {
	"SELECT FROM bcdelta.feed WHERE server = $1 AND resource = $2 AND feed <> ALL ($3)",
	3, {NAMEOID, TEXTOID, TEXTARRAYOID}
};

/* Are these (text[]) all feeds of a resource? */
bool
bcd_feeds_are_all(const char *server, const char *resource, Datum feeds)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(resource), feeds};

	return bcd_execute(&select_others, args, NULL) == 0;
}
