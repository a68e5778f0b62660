/*
 * pending.c
 *		bcdelta.pending: questions about it, and simple statements.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/pending.h"

/* Returns whether a query about a row finds it. */
static bool
finds(BcdStatement *statement, const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_execute(statement, args, NULL) > 0;
}

static BcdStatement is_open = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state NOT IN ('failed', 'review')",
	2, {TEXTOID, TEXTOID}
};

/* Returns whether a row has a change that is still to be pushed. */
bool
bcd_pending_is_open(const char *feed, const char *key)
{
	return finds(&is_open, feed, key);
}

static BcdStatement select_state = {
	"SELECT state, last_error FROM bcdelta.pending WHERE feed = $1 AND key = $2",
	2, {TEXTOID, TEXTOID}
};

/*
 * Returns the state of a row and its last error, or NULL if it is not pending,
 * in the current memory context.
 */
char *
bcd_pending_state(const char *feed, const char *key, char **error)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};
	uint64		n = bcd_select(&select_state, args, NULL);

	*error = n > 0 ? bcd_column_text(0, 2) : NULL;
	return n > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement is_in_flight = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state = 'in_flight'",
	2, {TEXTOID, TEXTOID}
};

/*
 * Returns whether a row is claimed, so that a request for it may be under way.
 */
bool
bcd_pending_is_in_flight(const char *feed, const char *key)
{
	return finds(&is_in_flight, feed, key);
}

static BcdStatement is_in_progress = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state IN ('ready', 'in_flight', 'waiting')",
	2, {TEXTOID, TEXTOID}
};

/*
 * Returns whether a row is going to be pushed without anyone's intervention.
 */
bool
bcd_pending_is_in_progress(const char *feed, const char *key)
{
	return finds(&is_in_progress, feed, key);
}

static BcdStatement any_in_flight = {
	"SELECT 1 FROM bcdelta.pending WHERE feed = $1 AND state = 'in_flight'",
	1, {TEXTOID}
};

/* Returns whether any row of a feed is claimed. */
bool
bcd_pending_any_in_flight(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_query(&any_in_flight, &arg, NULL, 1) > 0;
}

static BcdStatement any_ready = {
	"SELECT FROM bcdelta.pending WHERE state = 'ready' AND feed = ANY ($1) LIMIT 1",
	1, {TEXTARRAYOID}
};

/* Returns whether any row of these feeds (text[]) is ready. */
bool
bcd_pending_any_ready(Datum feeds)
{
	return bcd_execute(&any_ready, &feeds, NULL) > 0;
}

static BcdStatement count_unlinked = {
	"SELECT count(*) FILTER (WHERE l.found IS NULL), count(*) FROM ("
	" SELECT key FROM bcdelta.pending WHERE feed = $1 AND state = 'ready' LIMIT $2) AS p"
	" LEFT JOIN LATERAL (SELECT true AS found FROM bcdelta.link AS o WHERE o.feed = $1 AND o.key = p.key LIMIT 1) AS l ON true",
	2, {TEXTOID, INT8OID}
};

/*
 * Looks at so many ready rows of a feed, or all; returns how many of them have
 * no record, and sets n to their number.
 */
int64
bcd_pending_unlinked(const char *feed, int64 limit, int64 *n)
{
	Datum		args[] = {CStringGetTextDatum(feed), Int64GetDatum(limit)};

	(void) bcd_execute(&count_unlinked, args, NULL);
	*n = bcd_column_int64(0, 2, NULL);
	return bcd_column_int64(0, 1, NULL);
}

/*
 * Pages are chosen at random, and then rows of them; if these are too few, as
 * the rows of the feed are on few pages, the first ones are taken
 */
static BcdStatement select_some = {
	"WITH s AS MATERIALIZED (SELECT key FROM bcdelta.pending TABLESAMPLE SYSTEM ($3)"
	"  WHERE feed = $1 AND state IN ('ready', 'waiting', 'in_flight', 'deferred') ORDER BY random() LIMIT $2)"
	" SELECT key FROM s WHERE (SELECT count(*) FROM s) >= $2 / 2"
	" UNION ALL (SELECT key FROM bcdelta.pending WHERE (SELECT count(*) FROM s) < $2 / 2"
	"  AND feed = $1 AND state IN ('ready', 'waiting', 'in_flight', 'deferred') LIMIT $2)",
	3, {TEXTOID, INT8OID, FLOAT4OID}
};

/*
 * Returns the keys of so many rows of a feed that are to be pushed, out of
 * about so many in the whole table, in the current memory context.
 */
List *
bcd_pending_some(const char *feed, int64 limit, int64 of)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[] = {CStringGetTextDatum(feed), Int64GetDatum(limit),
	Float4GetDatum((float4) Min(100, 100.0 * 5 * limit / Max(of, 1)))};
	uint64		n = bcd_execute(&select_some, args, NULL);

	MemoryContextSwitchTo(cxt);
	return bcd_column_list(n, 1);
}

static BcdStatement count_fresh = {
	"SELECT count(*) FROM ("
	" SELECT FROM bcdelta.pending AS p JOIN bcdelta.feed AS f USING (feed)"
	" WHERE p.feed = $1 AND p.state = 'ready'"
	" AND p.changed_at > coalesce(f.resumed_at, '-infinity') LIMIT $2) AS fresh",
	2, {TEXTOID, INT8OID}
};

/*
 * Returns whether more than limit rows of a feed are ready and changed since
 * it was last resumed.
 */
bool
bcd_pending_exceeds(const char *feed, int64 limit)
{
	Datum		args[] = {CStringGetTextDatum(feed), Int64GetDatum(limit + 1)};

	(void) bcd_execute(&count_fresh, args, NULL);
	return bcd_column_int64(0, 1, NULL) > limit;
}

static BcdStatement count_old = {
	"SELECT count(*) FROM (SELECT FROM bcdelta.pending"
	" WHERE state = 'ready' AND feed = ANY ($1) AND changed_at <= $2 LIMIT $3) AS old",
	3, {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID}
};

/*
 * Returns how many ready rows of these feeds (text[]) changed no later than
 * the given time, counting up to most (0: all).
 */
int64
bcd_pending_count_old(Datum feeds, TimestampTz changed, int64 most)
{
	char		nulls[] = "   ";
	Datum		args[] = {feeds, TimestampTzGetDatum(changed), Int64GetDatum(most)};

	nulls[2] = most > 0 ? ' ' : 'n';
	(void) bcd_execute(&count_old, args, nulls);
	return bcd_column_int64(0, 1, NULL);
}

static BcdStatement select_deferred = {
	"SELECT key, waits_feed, waits_key FROM bcdelta.pending WHERE feed = $1 AND state = 'deferred'"
	" ORDER BY key LIMIT $2",
	2, {TEXTOID, INT8OID}
};

/* Returns some deferred rows of a feed, in the current memory context. */
BcdDeferred *
bcd_pending_deferred(const char *feed, int limit, int *n)
{
	BcdDeferred *rows = palloc(sizeof(BcdDeferred) * limit);
	Datum		args[] = {CStringGetTextDatum(feed), Int64GetDatum(limit)};
	int			i;

	*n = (int) bcd_select(&select_deferred, args, NULL);
	for (i = 0; i < *n; i++)
	{
		rows[i].key = bcd_column_text(i, 1);
		rows[i].waits_feed = bcd_column_text(i, 2);
		rows[i].waits_key = bcd_column_text(i, 3);
	}
	return rows;
}

/*
 * What is pending, and what will be once the changes are folded. After a
 * TRUNCATE, or when any row may have changed, that is every linked row; in the
 * latter case also the keys of the source, which are the last part.
 */
static BcdStatement select_ahead = {
	"SELECT key FROM ("
	" SELECT p.key FROM bcdelta.pending AS p"
	" WHERE p.feed = $1 AND p.state IN ('ready', 'waiting', 'deferred', 'in_flight')"
	" UNION SELECT c.key FROM bcdelta.change AS c WHERE c.feed_id = $2 AND c.op IN ('c', 'h', 'm')"
	" UNION SELECT m.key FROM bcdelta.move AS m WHERE m.feed_id = $2"
	" UNION SELECT l.key FROM bcdelta.link AS l WHERE l.feed = $1 AND EXISTS"
	"  (SELECT FROM bcdelta.change AS c WHERE c.feed_id = $2 AND c.op IN ('t', 'a'))"
	" UNION SELECT unnest($4)) AS k"
	" ORDER BY key LIMIT $3",
	4, {TEXTOID, INT4OID, INT8OID, TEXTARRAYOID}
};

/*
 * Returns the keys that a push would look at, using the caller's snapshot;
 * others (text[]) are keys of the source. The result is in the current memory
 * context.
 */
List *
bcd_pending_keys_ahead(const char *feed, int32 feed_id, int limit, Datum others)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[] = {CStringGetTextDatum(feed), Int32GetDatum(feed_id), Int64GetDatum(limit), others};
	uint64		n = bcd_query_as_seen(&select_ahead, args, NULL, 0);

	MemoryContextSwitchTo(cxt);
	return bcd_column_list(n, 1);
}

static BcdStatement set_intent = {
	"UPDATE bcdelta.pending AS p SET intent = n.intent FROM unnest($2, $3) AS n(key, intent)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"  WHERE o.feed = $1 AND o.key = n.key LIMIT 1) AS found"
	" WHERE p.ctid = found.tid",
	3, {TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};

/* Notes what requests may do to the records of rows (text[], jsonb[]). */
void
bcd_pending_set_intents(const char *feed, Datum keys, Datum intents)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys, intents};

	(void) bcd_execute(&set_intent, args, NULL);
}

static BcdStatement select_noted = {
	"SELECT nullif(intent - '' - 'fields', '{}') FROM bcdelta.pending WHERE feed = $1 AND intent IS NOT NULL AND key <> $2"
	" AND lower(intent -> '' ->> $3) = lower($4) ORDER BY key LIMIT 1",
	4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Another row than this one may have made a record with this value of a field,
 * by a create whose outcome is not known.  Returns the collections that it was
 * made with, in the current memory context; NULL: there is no such row, or none
 * of them.
 */
Jsonb *
bcd_pending_made_with(const char *feed, const char *key, const char *field, const char *value)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(field), CStringGetTextDatum(value)};
	Jsonb	   *collections = NULL;

	if (bcd_select(&select_noted, args, NULL) > 0)
		collections = bcd_column_jsonb(0, 1);
	SPI_freetuptable(SPI_tuptable);
	return collections;
}

/* What happened to rows in one store does not matter for the next */
static BcdStatement reset_pending = {
	"UPDATE bcdelta.pending SET intent = NULL,"
	" state = CASE WHEN state = 'in_flight' THEN state ELSE 'ready' END, attempts = 0,"
	" next_attempt_at = NULL, last_error = NULL, waits_feed = NULL, waits_key = NULL"
	" WHERE feed = $1 AND (intent IS NOT NULL OR attempts > 0 OR state NOT IN ('ready', 'in_flight'))",
	1, {TEXTOID}
};

/* Starts over with the rows of a feed whose links were forgotten. */
void
bcd_pending_reset(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&reset_pending, &arg, NULL);
}

static BcdStatement delete_pending = {
	"DELETE FROM bcdelta.pending WHERE feed = $1", 1, {TEXTOID}
};

/* Removes all rows of a feed; returns their number. */
uint64
bcd_pending_delete(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_execute(&delete_pending, &arg, NULL);
}
