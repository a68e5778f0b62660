/*
 * adjustment.c
 *		bcdelta.adjustment: values of the store that are meant.
 *
 * An adjustment belongs to a row of a feed and moves with its link
 * (link_move.c).  While it has not ended, no run overwrites the field; when it
 * has, it stays in the table until the row is unlinked, for people to see.  All
 * functions keep the current memory context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/adjustment.h"
#include "tables/feed.h"

static BcdStatement select_any = {
	"SELECT FROM bcdelta.adjustment WHERE feed = $1 AND state <> 'ended' LIMIT 1", 1, {TEXTOID}
};

/* Has any field of any row of a feed an adjustment that has not ended? */
bool
bcd_adjustments_any(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_select(&select_any, &arg, NULL) > 0;
}

#define WORDS \
	"CASE WHEN by_run <> 0 THEN format('held since rollback run %s until its source changes', by_run)" \
	" ELSE format('adjustment by role %s, %s: %s', by_role, to_char(made_at, 'YYYY-MM-DD'), reason) END"

static BcdStatement select_of = {
	"SELECT adjustment_id, field, value, until = 'source changes', source_value, state = 'broken', " WORDS ", by_run"
	" FROM bcdelta.adjustment WHERE feed = $1 AND key = $2 AND state <> 'ended'"
	" AND (ends_at IS NULL OR ends_at > clock_timestamp())"
	" UNION ALL SELECT 0, coalesce(n.field, ''), NULL, false, NULL, false, n.rule, 0 FROM bcdelta.feed AS f"
	" JOIN bcdelta.authority_now AS n ON n.server = f.server AND n.resource = f.resource WHERE f.feed = $1 AND n.owner = 'store'"
	" ORDER BY 2, 8",
	2, {TEXTOID, TEXTOID}
};

/*
 * Returns the adjustments of a row that have not ended, as BcdAdjustment
 * structs, in the current memory context.  Whether the source has changed is
 * for the caller to see.  What the store owns at the present stage is one, too,
 * with the number 0.
 */
List *
bcd_adjustments_of(const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};
	uint64		n = bcd_select(&select_of, args, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdAdjustment *a = palloc(sizeof(BcdAdjustment));

		a->id = bcd_column_int64(i, 1, NULL);
		a->field = bcd_column_text(i, 2);
		a->value = bcd_column_jsonb(i, 3);
		a->while_source = bcd_column_bool(i, 4);
		a->source_value = bcd_column_jsonb(i, 5);
		a->broken = bcd_column_bool(i, 6);
		a->words = bcd_column_text(i, 7);
		a->by_run = bcd_column_int64(i, 8, NULL);
		list = lappend(list, a);
	}
	return list;
}

static BcdStatement insert_adjustment = {
	"INSERT INTO bcdelta.adjustment (feed, key, field, value, source_value, until, ends_at, reason, by_role, by_run, asked)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10 <> 0)"
	" ON CONFLICT (feed, key, field, by_run) WHERE state <> 'ended' DO NOTHING RETURNING adjustment_id",
	10, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT8OID}
};

/* Returns its number, or 0 if the field has one that has not ended. */
int64
bcd_adjustment_insert(const BcdNewAdjustment *adjustment)
{
	bool		ends = strcmp(adjustment->until, "time") == 0;
	Datum		args[10];
	char		nulls[] = "          ";

	args[0] = CStringGetTextDatum(adjustment->feed);
	args[1] = CStringGetTextDatum(adjustment->key);
	args[2] = CStringGetTextDatum(adjustment->field);
	args[3] = bcd_jsonb_or_null(adjustment->value, &nulls[3]);
	args[4] = bcd_jsonb_or_null(adjustment->source_value, &nulls[4]);
	args[5] = CStringGetTextDatum(adjustment->until);
	nulls[6] = ends ? ' ' : 'n';
	args[6] = TimestampTzGetDatum(adjustment->ends_at);
	args[7] = CStringGetTextDatum(adjustment->reason);
	args[8] = CStringGetTextDatum(adjustment->by);
	args[9] = Int64GetDatum(adjustment->by_run);
	return bcd_select(&insert_adjustment, args, nulls) == 0 ? 0 : bcd_column_int64(0, 1, NULL);
}

static BcdStatement select_words = {
	"SELECT " WORDS " FROM bcdelta.adjustment WHERE feed = $1 AND key = $2 AND field = $3 AND state <> 'ended' ORDER BY by_run LIMIT 1",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Returns by whom and why a field is adjusted, in the current memory context,
 * or NULL.
 */
char *
bcd_adjustment_words(const char *feed, const char *key, const char *field)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(field)};

	return bcd_select(&select_words, args, NULL) == 0 ? NULL : bcd_column_text(0, 1);
}

static BcdStatement end_one = {
	"UPDATE bcdelta.adjustment SET state = 'ended' WHERE feed = $1 AND key = $2 AND field = $3 AND state <> 'ended'"
	" RETURNING adjustment_id, value",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Ends the adjustment of a field.  Returns false if there is none.  Sets all
 * of *ended but the feed's number.
 */
bool
bcd_adjustment_end(const char *feed, const char *key, const char *field, BcdEndedAdjustment *ended)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(field)};

	if (bcd_select(&end_one, args, NULL) == 0)
		return false;
	ended->id = bcd_column_int64(0, 1, NULL);
	ended->feed = pstrdup(feed);
	ended->key = pstrdup(key);
	ended->field = pstrdup(field);
	ended->value = bcd_column_jsonb(0, 2);
	return true;
}

static BcdStatement end_id = {
	"UPDATE bcdelta.adjustment SET state = 'ended' WHERE adjustment_id = $1 AND state <> 'ended'",
	1, {INT8OID}
};

/* Returns false if it has ended before. */
bool
bcd_adjustment_end_id(int64 id)
{
	Datum		arg = Int64GetDatum(id);

	return bcd_select(&end_id, &arg, NULL) > 0;
}

/*
 * Sessions end holds, too, and the worker never waits for them.
 */
static BcdStatement end_older = {
	"UPDATE bcdelta.adjustment SET state = 'ended' WHERE adjustment_id IN (SELECT a.adjustment_id FROM bcdelta.adjustment AS a"
	" WHERE a.feed = $1 AND a.key = $2 AND ($3 IN (a.field, '')) AND a.state <> 'ended' AND a.by_run NOT IN (0, $4)"
	" FOR UPDATE SKIP LOCKED)",
	4, {TEXTOID, TEXTOID, TEXTOID, INT8OID}
};

/*
 * A rollback has written a field of a row (empty: the record as a whole), so what
 * earlier ones have held of it is of no importance any more.
 */
void
bcd_holds_end_older(const char *feed, const char *key, const char *field, int64 run_id)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(field), Int64GetDatum(run_id)};

	(void) bcd_select(&end_older, args, NULL);
}

#define ENDED_COLUMNS	" RETURNING a.adjustment_id, f.feed_id::int8, a.feed, a.key, a.field, a.value"

static List *
ended_rows(uint64 n)
{
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdEndedAdjustment *ended = palloc(sizeof(BcdEndedAdjustment));

		ended->id = bcd_column_int64(i, 1, NULL);
		ended->feed_id = (int32) bcd_column_int64(i, 2, NULL);
		ended->feed = bcd_column_text(i, 3);
		ended->key = bcd_column_text(i, 4);
		ended->field = bcd_column_text(i, 5);
		ended->value = bcd_column_jsonb(i, 6);
		list = lappend(list, ended);
	}
	return list;
}

static BcdStatement select_hold_feeds = {
	"SELECT DISTINCT feed FROM bcdelta.adjustment WHERE by_run = $1 AND state <> 'ended' ORDER BY feed", 1, {INT8OID}
};

/* Returns the feeds of which a rollback holds rows, in the current memory context. */
List *
bcd_holds_feeds(int64 run_id)
{
	Datum		arg = Int64GetDatum(run_id);
	uint64		n = bcd_select(&select_hold_feeds, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
		list = lappend(list, bcd_column_text(i, 1));
	return list;
}

static BcdStatement end_held = {
	"UPDATE bcdelta.adjustment AS a SET state = 'ended' FROM bcdelta.feed AS f"
	" WHERE f.feed = a.feed AND a.by_run = $1 AND a.feed = $2 AND a.state <> 'ended'" ENDED_COLUMNS,
	2, {INT8OID, TEXTOID}
};

/* Ends what a rollback holds of a feed's rows; returns it likewise. */
List *
bcd_holds_end(int64 run_id, const char *feed)
{
	Datum		args[] = {Int64GetDatum(run_id), CStringGetTextDatum(feed)};

	return ended_rows(bcd_select(&end_held, args, NULL));
}

static BcdStatement end_due = {
	"UPDATE bcdelta.adjustment AS a SET state = 'ended' FROM bcdelta.feed AS f"
	" WHERE f.feed = a.feed AND a.adjustment_id IN (SELECT d.adjustment_id FROM bcdelta.adjustment AS d"
	"  WHERE d.state <> 'ended' AND d.ends_at <= clock_timestamp() FOR UPDATE SKIP LOCKED)"
	" AND " BCD_FEEDS_COMPLETE ENDED_COLUMNS,
	0, {0}
};

/*
 * Ends the adjustments whose time has come, unless they are just being
 * restored; returns them as BcdEndedAdjustment structs, in the current memory
 * context.
 */
List *
bcd_adjustments_end_due(void)
{
	return ended_rows(bcd_select(&end_due, NULL, NULL));
}

static BcdStatement ask = {
	"WITH u AS ("
	"  UPDATE bcdelta.adjustment SET asked = true WHERE adjustment_id IN (SELECT a.adjustment_id FROM bcdelta.adjustment AS a"
	"   JOIN bcdelta.feed AS f USING (feed) WHERE a.state <> 'ended' AND a.value IS NULL AND NOT a.asked"
	"   AND f.state = 'active' AND f.home = $1 AND f.owner <> 0 ORDER BY a.adjustment_id LIMIT $2 FOR UPDATE OF a SKIP LOCKED)"
	"  RETURNING feed, key)"
	" SELECT f.feed, f.server, f.owner::oid::int8, array_agg(DISTINCT u.key) FROM u JOIN bcdelta.feed AS f USING (feed)"
	" GROUP BY 1, 2, 3 ORDER BY 1",
	2, {TEXTOID, INT8OID}
};

/*
 * Returns the rows whose adjustments have values that are yet to be read, at
 * most so many, as BcdUnreadRows structs in the current memory context.  Each
 * is returned once.
 */
List *
bcd_adjustments_to_read(const char *home, int64 limit)
{
	Datum		args[] = {CStringGetTextDatum(home), Int64GetDatum(limit)};
	uint64		n = bcd_select(&ask, args, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdUnreadRows *rows = palloc(sizeof(BcdUnreadRows));
		bool		isnull;

		rows->feed = bcd_column_text(i, 1);
		rows->server = bcd_column_text(i, 2);
		rows->owner = (Oid) bcd_column_int64(i, 3, NULL);
		rows->keys = DatumGetArrayTypePCopy(bcd_column_datum(i, 4, &isnull));
		list = lappend(list, rows);
	}
	return list;
}

static BcdStatement put_value = {
	"UPDATE bcdelta.adjustment SET value = $2 WHERE adjustment_id = (SELECT a.adjustment_id FROM bcdelta.adjustment AS a"
	" WHERE a.adjustment_id = $1 AND a.value IS NULL FOR UPDATE SKIP LOCKED)",
	2, {INT8OID, JSONBOID}
};

/* The store's value was read for the first time since: it is what is meant. */
void
bcd_adjustment_read(int64 id, Jsonb *value)
{
	Datum		args[] = {Int64GetDatum(id), JsonbPGetDatum(value)};

	(void) bcd_select(&put_value, args, NULL);
}

static BcdStatement put_broken = {
	"UPDATE bcdelta.adjustment SET state = CASE WHEN $2 THEN 'broken' ELSE 'active' END"
	" WHERE adjustment_id = (SELECT a.adjustment_id FROM bcdelta.adjustment AS a WHERE a.adjustment_id = $1"
	"  AND a.state = CASE WHEN $2 THEN 'active' ELSE 'broken' END FOR UPDATE SKIP LOCKED)",
	2, {INT8OID, BOOLOID}
};

/*
 * Records whether the store still has the declared value.  Returns false if
 * that was known.
 */
bool
bcd_adjustment_set_broken(int64 id, bool broken)
{
	Datum		args[] = {Int64GetDatum(id), BoolGetDatum(broken)};

	return bcd_select(&put_broken, args, NULL) > 0;
}

static BcdStatement delete_of = {
	"DELETE FROM bcdelta.adjustment WHERE feed = $1 AND ($2 IS NULL OR key = $2)", 2, {TEXTOID, TEXTOID}
};

/*
 * Removes the adjustments of a row, or of all rows of a feed (key NULL), whose
 * links are forgotten.  Returns the number of those.
 */
uint64
bcd_adjustments_delete(const char *feed, const char *key)
{
	Datum		args[2];
	char		nulls[] = "  ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(key, &nulls[1]);
	return bcd_select(&delete_of, args, nulls);
}

static BcdStatement respell = {
	"UPDATE bcdelta.adjustment AS a SET key = u.new FROM unnest($2, $3) AS u (old, new)"
	" WHERE a.feed = $1 AND a.key = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Replaces the spelling of keys of a feed (text[]); none of the new spellings
 * may be among the old ones.
 */
void
bcd_adjustments_respell(const char *feed, Datum old, Datum new)
{
	Datum		args[] = {CStringGetTextDatum(feed), old, new};

	(void) bcd_select(&respell, args, NULL);
}
