/*
 * undo.c
 *		bcdelta.undo: what records held before they were written.
 *
 * A row is inserted before its request is sent, so wherever the worker dies,
 * there is a row for whatever the store may have done.  Whether the store has
 * done it is not recorded: a rollback reads the record, and that decides.  Only
 * what was certainly not done is removed again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/rows.h"
#include "tables/undo.h"

static BcdStatement insert_rows = {
	"INSERT INTO bcdelta.undo (run_id, feed, feed_id, key, store_id, address, action, before, after)"
	" SELECT $1, $2, $3, n.key, nullif(n.store_id, 0), coalesce(n.address, nullif(n.store_id, 0)::text), n.action, n.before, n.after"
	" FROM unnest($4, $5, $6, $7, $8, $9) AS n(key, store_id, address, action, before, after)"
	" RETURNING undo_id",
	9, {INT8OID, TEXTOID, INT4OID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID}
};

/* The same for a single row, which need not pay for the arrays */
static BcdStatement insert_row = {
	"INSERT INTO bcdelta.undo (run_id, feed, feed_id, key, store_id, address, action, before, after)"
	" VALUES ($1, $2, $3, $4, nullif($5, 0), coalesce($6, nullif($5, 0)::text), $7, $8, $9) RETURNING undo_id",
	9, {INT8OID, TEXTOID, INT4OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, JSONBOID, JSONBOID}
};

#define COLUMNS	6

static const Oid column_types[COLUMNS] = {TEXTOID, INT8OID, TEXTOID, TEXTOID, JSONBOID, JSONBOID};

/* Sets the values of a row, in the order of the statements' parameters. */
static void
set_values(const void *write, Datum *values, char *nulls)
{
	const BcdUndoRow *row = write;

	memset(nulls, ' ', COLUMNS);
	values[0] = CStringGetTextDatum(row->key);
	values[1] = Int64GetDatum(row->store_id);
	values[2] = bcd_text_or_null(row->address, &nulls[2]);
	values[3] = CStringGetTextDatum(row->action);
	values[4] = bcd_jsonb_or_null(row->before, &nulls[4]);
	values[5] = bcd_jsonb_or_null(row->after, &nulls[5]);
}

/* Records writes to a feed that are about to be sent; sets their numbers. */
void
bcd_undo_insert(int64 run_id, const char *feed, int32 feed_id, const BcdUndoRow *rows, int n, int64 *ids)
{
	Datum		args[3 + COLUMNS];
	char		nulls[] = "         ";
	int			i;

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	args[2] = Int32GetDatum(feed_id);
	if (n == 1)
		set_values(rows, args + 3, nulls + 3);
	else
		bcd_rows_as_arrays(rows, sizeof(BcdUndoRow), n, set_values, column_types, COLUMNS, args + 3);
	if (bcd_select(n == 1 ? &insert_row : &insert_rows, args, nulls) != n)
		elog(ERROR, "could not record what is about to be written");
	for (i = 0; i < n; i++)
		ids[i] = bcd_column_int64(i, 1, NULL);
}

/* It may have waited for its turn since it was noted. The result comes later than now(). */
static BcdStatement set_created = {
	"UPDATE bcdelta.undo SET store_id = nullif($3, 0), address = coalesce($4, nullif($3, 0)::text), written_at = now()"
	" WHERE run_id = $1 AND undo_id = $2",
	4, {INT8OID, INT8OID, INT8OID, TEXTOID}
};

/* Adds which record a write has created. */
void
bcd_undo_created(int64 run_id, int64 undo_id, int64 store_id, const char *address)
{
	char		nulls[] = "    ";
	Datum		args[4];

	args[0] = Int64GetDatum(run_id);
	args[1] = Int64GetDatum(undo_id);
	args[2] = Int64GetDatum(store_id);
	args[3] = bcd_text_or_null(address, &nulls[3]);
	(void) bcd_select(&set_created, args, nulls);
}

/*
 * Creates whose reply was lost: the last of them was done, or none was. A run that
 * is under way has no other ones of these rows.
 */
static BcdStatement find_lost = {
	"UPDATE bcdelta.undo AS u SET store_id = nullif($3, 0), address = coalesce($4, nullif($3, 0)::text)"
	" WHERE u.feed = $1 AND u.key = $2 AND u.address IS NULL"
	" AND u.undo_id = (SELECT max(m.undo_id) FROM bcdelta.undo AS m WHERE m.feed = $1 AND m.key = $2 AND m.address IS NULL)",
	4, {TEXTOID, TEXTOID, INT8OID, TEXTOID}
};
static BcdStatement drop_lost = {
	"DELETE FROM bcdelta.undo WHERE feed = $1 AND key = $2 AND address IS NULL", 2, {TEXTOID, TEXTOID}
};

/* The record of a row's lost create was found; or, without one, it does not exist. */
void
bcd_undo_found(const char *feed, const char *key, int64 store_id, const char *address)
{
	char		nulls[] = "    ";
	Datum		args[4];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = Int64GetDatum(store_id);
	args[3] = bcd_text_or_null(address, &nulls[3]);
	if (store_id != 0 || address)
		(void) bcd_select(&find_lost, args, nulls);
	(void) bcd_select(&drop_lost, args, NULL);
}

static BcdStatement select_lost = {
	"SELECT FROM bcdelta.undo WHERE feed = $1 AND key = $2 AND address IS NULL LIMIT 1", 2, {TEXTOID, TEXTOID}
};

/* May a row have a record, of a create whose reply was lost? */
bool
bcd_undo_is_lost(const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_select(&select_lost, args, NULL) > 0;
}

static BcdStatement drop_rows = {
	"DELETE FROM bcdelta.undo WHERE run_id = $1 AND undo_id = ANY ($2)",
	2, {INT8OID, INT8ARRAYOID}
};

/* Removes writes (bigint[]) of a run that the store has certainly not done. */
void
bcd_undo_drop(int64 run_id, Datum ids)
{
	Datum		args[] = {Int64GetDatum(run_id), ids};

	(void) bcd_select(&drop_rows, args, NULL);
}

#define WRITES \
	"SELECT undo_id, run_id, key, store_id, address, action, before, after, undone_by IS NOT NULL FROM bcdelta.undo"

/* Returns the writes that a statement has selected. */
static List *
writes(uint64 n)
{
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdUndone  *w = palloc(sizeof(BcdUndone));

		w->undo_id = bcd_column_int64(i, 1, NULL);
		w->run_id = bcd_column_int64(i, 2, NULL);
		w->key = bcd_column_text(i, 3);
		w->store_id = bcd_column_int64(i, 4, NULL);
		w->address = bcd_column_text(i, 5);
		w->action = bcd_column_text(i, 6);
		w->before = bcd_column_jsonb(i, 7);
		w->after = bcd_column_jsonb(i, 8);
		w->undone = bcd_column_bool(i, 9);
		list = lappend(list, w);
	}
	return list;
}

static BcdStatement select_next = {
	WRITES " WHERE run_id = $1 AND undo_id < $2 AND feed = $3 AND feed_id = $4 AND written_at >= $5 ORDER BY undo_id DESC LIMIT $6",
	6, {INT8OID, INT8OID, TEXTOID, INT4OID, TIMESTAMPTZOID, INT8OID}
};

/*
 * Returns the last writes of a run to a feed that precede a number, the newest
 * first.
 */
List *
bcd_undo_next(const BcdUndoScope *scope, int64 run_id, int64 undo_id, int64 limit)
{
	Datum		args[] = {Int64GetDatum(run_id), Int64GetDatum(undo_id), CStringGetTextDatum(scope->feed),
	Int32GetDatum(scope->feed_id), TimestampTzGetDatum(scope->since), Int64GetDatum(limit)};

	return writes(bcd_select(&select_next, args, NULL));
}

#define IN_SCOPE \
	" WHERE feed = $1 AND feed_id = $2 AND run_id = ANY ($3) AND written_at >= $4"

static BcdStatement select_of_record = {
	WRITES IN_SCOPE " AND address = $5 ORDER BY undo_id",
	5, {TEXTOID, INT4OID, INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID}
};

static void
set_scope(Datum *args, const BcdUndoScope *scope)
{
	args[0] = CStringGetTextDatum(scope->feed);
	args[1] = Int32GetDatum(scope->feed_id);
	args[2] = scope->runs;
	args[3] = TimestampTzGetDatum(scope->since);
}

/* Returns the writes to a record, the oldest first. */
List *
bcd_undo_of_record(const BcdUndoScope *scope, const char *address)
{
	Datum		args[5];

	set_scope(args, scope);
	args[4] = CStringGetTextDatum(address);
	return writes(bcd_select(&select_of_record, args, NULL));
}

static BcdStatement select_all_of_record = {
	WRITES " WHERE address = $1 AND feed = $2 AND feed_id = $3 ORDER BY undo_id", 3, {TEXTOID, TEXTOID, INT4OID}
};

/* The same by any run. */
List *
bcd_undo_all_of_record(const char *feed, int32 feed_id, const char *address)
{
	Datum		args[] = {CStringGetTextDatum(address), CStringGetTextDatum(feed), Int32GetDatum(feed_id)};

	return writes(bcd_select(&select_all_of_record, args, NULL));
}

static BcdStatement select_removal = {
	WRITES IN_SCOPE " AND key = $5 AND undo_id < $6 AND action = 'deleted' ORDER BY undo_id DESC LIMIT 1",
	6, {TEXTOID, INT4OID, INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID, INT8OID}
};

/*
 * Returns the last removal of a row's record that precedes a number, or NULL:
 * a record that was made after it took its place.
 */
BcdUndone *
bcd_undo_removal(const BcdUndoScope *scope, const char *key, int64 undo_id)
{
	Datum		args[6];
	List	   *list;

	set_scope(args, scope);
	args[4] = CStringGetTextDatum(key);
	args[5] = Int64GetDatum(undo_id);
	list = writes(bcd_select(&select_removal, args, NULL));
	return list == NIL ? NULL : linitial(list);
}

static BcdStatement select_created = {
	"SELECT FROM bcdelta.undo WHERE address = $1 AND feed = $2 AND feed_id = $3 AND action = 'created' LIMIT 1",
	3, {TEXTOID, TEXTOID, INT4OID}
};

/* Has a write created a record, as far as is recorded? */
bool
bcd_undo_is_created(const char *feed, int32 feed_id, const char *address)
{
	Datum		args[] = {CStringGetTextDatum(address), CStringGetTextDatum(feed), Int32GetDatum(feed_id)};

	return bcd_select(&select_created, args, NULL) > 0;
}

static BcdStatement select_later = {
	"SELECT run_id FROM bcdelta.undo WHERE feed = $1 AND feed_id = $2 AND address = $3 AND undo_id > $4 AND run_id <> $5"
	" AND undone_by IS NULL AND after ? $6 ORDER BY undo_id LIMIT 1",
	6, {TEXTOID, INT4OID, TEXTOID, INT8OID, INT8OID, TEXTOID}
};

/*
 * Returns the run that has written a field of a record after a write, and is
 * not this one; 0: none.
 */
int64
bcd_undo_later(const char *feed, int32 feed_id, const char *address, int64 undo_id, int64 run_id, const char *field)
{
	Datum		args[] = {CStringGetTextDatum(feed), Int32GetDatum(feed_id), CStringGetTextDatum(address),
	Int64GetDatum(undo_id), Int64GetDatum(run_id), CStringGetTextDatum(field)};

	return bcd_select(&select_later, args, NULL) == 0 ? 0 : bcd_column_int64(0, 1, NULL);
}

/*
 * What a rollback has undone, and another one undoes again, counts as not
 * undone.  It may have been another attempt, after an interruption, that has
 * found it to be undone.  A record that was made again has another address than
 * the one that was deleted.
 */
#define VOID_UNDONE \
	", void AS (SELECT d.* FROM done AS d JOIN bcdelta.run AS r USING (run_id) WHERE r.kind = 'rollback')," \
	" made AS (UPDATE bcdelta.undo AS u SET undone_by = NULL FROM void AS d" \
	"  WHERE d.action = 'created' AND u.feed = d.feed AND u.key = d.key AND u.action = 'deleted' AND u.undone_by >= d.run_id AND u.undo_id < d.undo_id)" \
	" UPDATE bcdelta.undo AS u SET undone_by = NULL FROM void AS d" \
	" WHERE u.feed = d.feed AND u.address = d.address AND u.undone_by >= d.run_id AND u.undo_id < d.undo_id"

static BcdStatement set_done = {
	"WITH done AS (UPDATE bcdelta.undo SET undone_by = $2 WHERE undo_id = ANY ($1) AND run_id = ANY ($3)"
	"  RETURNING run_id, undo_id, feed, key, address, action)" VOID_UNDONE,
	3, {INT8ARRAYOID, INT8OID, INT8ARRAYOID}
};

/*
 * If everything since a time is undone, what rollbacks did in that time is void,
 * unless what they have undone is older: then it is done again.
 */
static BcdStatement set_all_done = {
	"WITH done AS (UPDATE bcdelta.undo SET undone_by = $2 WHERE undo_id = ANY ($1) AND run_id = ANY ($3) AND undone_by IS NULL"
	"  AND run_id IN (SELECT r.run_id FROM bcdelta.run AS r WHERE r.run_id = ANY ($3) AND (r.kind = 'push'"
	"   OR NOT EXISTS (SELECT FROM bcdelta.undo AS o WHERE o.run_id = ANY ($3) AND o.undone_by = r.run_id)))"
	"  RETURNING run_id, undo_id, feed, key, address, action)" VOID_UNDONE,
	3, {INT8ARRAYOID, INT8OID, INT8ARRAYOID}
};

/*
 * Notes that a run has undone these writes (bigint[]) of runs (bigint[]), which are
 * all runs since a time, or a single one.
 */
void
bcd_undo_done(Datum ids, Datum runs, bool all, int64 by_run)
{
	Datum		args[] = {ids, Int64GetDatum(by_run), runs};

	(void) bcd_select(all ? &set_all_done : &set_done, args, NULL);
}

static BcdStatement select_runs = {
	"SELECT array_agg(DISTINCT u.run_id ORDER BY u.run_id DESC) FROM bcdelta.undo AS u JOIN bcdelta.run AS r USING (run_id)"
	" WHERE u.written_at >= $3 AND r.server = $1 AND ($2 IS NULL OR u.feed = $2) AND u.run_id <> $4",
	4, {NAMEOID, TEXTOID, TIMESTAMPTZOID, INT8OID}
};

/*
 * Returns the runs of a server that have written to a feed (NULL: to any) since
 * a time, the newest first, without one of them; bigint[], or 0: none.
 */
Datum
bcd_undo_runs_since(const char *server, const char *feed, TimestampTz since, int64 but_run)
{
	char		nulls[] = "    ";
	Datum		args[4];
	bool		isnull;
	Datum		runs;

	args[0] = bcd_name_datum(server);
	args[1] = bcd_text_or_null(feed, &nulls[1]);
	args[2] = TimestampTzGetDatum(since);
	args[3] = Int64GetDatum(but_run);
	(void) bcd_select(&select_runs, args, nulls);
	runs = bcd_column_datum(0, 1, &isnull);
	return isnull ? (Datum) 0 : PointerGetDatum(DatumGetArrayTypePCopy(runs));
}

static BcdStatement select_feeds = {
	"SELECT DISTINCT feed, feed_id::int8 FROM bcdelta.undo WHERE run_id = ANY ($1) AND written_at >= $2 AND ($3 IS NULL OR feed = $3)"
	" ORDER BY feed",
	3, {INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID}
};

/*
 * Returns the feeds that runs have written to (feed NULL: all), as
 * BcdUndoScope structs.
 */
List *
bcd_undo_feeds(Datum runs, TimestampTz since, const char *feed)
{
	char		nulls[] = "   ";
	Datum		args[3];
	List	   *list = NIL;
	uint64		n;
	uint64		i;

	args[0] = runs;
	args[1] = TimestampTzGetDatum(since);
	args[2] = bcd_text_or_null(feed, &nulls[2]);
	n = bcd_select(&select_feeds, args, nulls);
	for (i = 0; i < n; i++)
	{
		BcdUndoScope *scope = palloc0(sizeof(BcdUndoScope));

		scope->feed = bcd_column_text(i, 1);
		scope->feed_id = (int32) bcd_column_int64(i, 2, NULL);
		scope->runs = runs;
		scope->since = since;
		list = lappend(list, scope);
	}
	return list;
}

static BcdStatement select_new_id = {
	"SELECT n.store_id FROM bcdelta.undo AS o JOIN bcdelta.undo AS n ON n.feed = o.feed AND n.key = o.key AND n.undo_id > o.undo_id"
	" AND n.action = 'created' AND n.store_id IS NOT NULL JOIN bcdelta.run AS r ON r.run_id = n.run_id AND r.kind = 'rollback'"
	" JOIN bcdelta.feed AS f ON f.feed = o.feed"
	" WHERE o.address = $3 AND o.action = 'deleted' AND f.server = $1 AND f.resource = $2 ORDER BY n.undo_id DESC LIMIT 1",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/*
 * Returns the id of the record that a rollback has made in place of a deleted
 * one, or 0.
 */
int64
bcd_undo_new_id(const char *server, const char *resource, int64 old_id)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(resource), CStringGetTextDatum(psprintf(INT64_FORMAT, old_id))};

	return bcd_select(&select_new_id, args, NULL) == 0 ? 0 : bcd_column_int64(0, 1, NULL);
}

/* They stay, for people to see, but no rollback takes them for those of the feed. */
static BcdStatement forget = {
	"UPDATE bcdelta.undo SET feed_id = 0 WHERE feed = $1 AND feed_id <> 0", 1, {TEXTOID}
};

/* A feed has forgotten its store: the records that it wrote to may be others now. */
void
bcd_undo_forget(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_select(&forget, &arg, NULL);
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.undo WHERE ctid = ANY (ARRAY("
	" SELECT ctid FROM bcdelta.undo WHERE written_at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/* Removes up to limit writes that are at least this many days old. */
int64
bcd_undo_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_select(&prune, args, NULL);
}
