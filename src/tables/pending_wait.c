/*
 * pending_wait.c
 *		bcdelta.pending: rows that wait, and what makes them ready.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/pending_wait.h"

/* Rows due within a second are woken as well, so that they can share a batch. */
#define ALMOST_MS	1000

static Datum
almost_now(void)
{
	return TimestampTzGetDatum(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ALMOST_MS));
}

/*
 * Returns the milliseconds until the time that a query returns, or -1 if it
 * returns none.
 */
static int64
ms_until(BcdStatement *statement, Datum *args)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz at;
	bool		isnull = true;

	if (bcd_execute(statement, args, NULL) == 0)
		return -1;
	at = DatumGetTimestampTz(bcd_column_datum(0, 1, &isnull));
	if (isnull)
		return -1;
	return at <= now ? 0 : (at - now + 999) / 1000;
}

/*
 * One feed after another, because the index leads to the first row of one feed
 * only
 */
static BcdStatement first_due = {
	"SELECT min(w.next_attempt_at) FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"  SELECT p.next_attempt_at FROM bcdelta.pending AS p WHERE p.state = 'waiting' AND p.feed = f.feed"
	"  ORDER BY p.next_attempt_at LIMIT 1) AS w",
	1, {TEXTARRAYOID}
};

/* The store has had the time to carry out what was given up. */
#define RESTED	" AND (p.not_before IS NULL OR p.not_before <= clock_timestamp())"

/*
 * Rows that wait for each other have to become ready together, so all rows
 * that wait for a row are included.
 */
static BcdStatement wake_waiting = {
	"UPDATE bcdelta.pending SET state = 'ready', next_attempt_at = NULL, waits_feed = NULL, waits_key = NULL"
	" WHERE ctid = ANY (ARRAY("
	"  SELECT w.tid FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"   SELECT p.ctid AS tid FROM bcdelta.pending AS p"
	"   WHERE p.state = 'waiting' AND p.feed = f.feed AND p.next_attempt_at <= $2" RESTED " OFFSET 0) AS w"
	"  UNION ALL"
	"  SELECT w.tid FROM unnest($1) AS f (feed) CROSS JOIN LATERAL ("
	"   SELECT p.ctid AS tid FROM bcdelta.pending AS p"
	"   WHERE p.state = 'waiting' AND p.feed = f.feed AND p.waits_key IS NOT NULL" RESTED " OFFSET 0) AS w))",
	2, {TEXTARRAYOID, TIMESTAMPTZOID}
};

/*
 * Makes rows of feeds (text[]) ready whose time has come.
 *
 * Returns their number. *next_ms is set to the milliseconds until more rows
 * are due, or -1 if none is waiting. Rows that are not due are not read.
 */
int64
bcd_pending_wake(Datum feeds, int64 *next_ms)
{
	Datum		args[2];
	int64		n;

	args[0] = feeds;
	*next_ms = ms_until(&first_due, args);
	if (*next_ms != 0)
		return 0;
	args[1] = almost_now();
	n = bcd_execute(&wake_waiting, args, NULL);
	*next_ms = ms_until(&first_due, args);
	return n;
}

static BcdStatement first_early = {
	"SELECT early_at FROM bcdelta.pending WHERE state = 'waiting' AND feed = $1 AND trouble = $2"
	" ORDER BY early_at LIMIT 1",
	2, {TEXTOID, TEXTOID}
};
static BcdStatement wake_early = {
	"UPDATE bcdelta.pending SET state = 'ready', next_attempt_at = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT w.ctid FROM bcdelta.pending AS w"
	"  WHERE w.state = 'waiting' AND w.feed = $1 AND w.trouble = $2 AND w.early_at <= $3"
	"  AND (w.not_before IS NULL OR w.not_before <= clock_timestamp())"
	"  ORDER BY w.early_at LIMIT $4))",
	4, {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID}
};

/*
 * Makes up to limit rows of a feed ready that ran into trouble at an endpoint
 * and may be tried again as soon as the endpoint accepts other rows.
 *
 * Returns their number. *next_ms is set to the milliseconds until there are
 * more of them, or -1 if there are none.
 */
int64
bcd_pending_wake_early(const char *feed, const char *trouble, int64 limit, int64 *next_ms)
{
	Datum		args[4];
	int64		n;

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(trouble);
	*next_ms = ms_until(&first_early, args);
	if (*next_ms != 0)
		return 0;
	args[2] = almost_now();
	args[3] = Int64GetDatum(limit);
	n = bcd_execute(&wake_early, args, NULL);
	*next_ms = ms_until(&first_early, args);
	return n;
}

static BcdStatement retry = {
	"UPDATE bcdelta.pending SET state = 'ready', attempts = 0, next_attempt_at = NULL,"
	" last_error = NULL"
	" WHERE (state = 'failed' OR $3 AND state = 'waiting') AND ($1 IS NULL OR feed = $1)"
	" AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.server = $2)",
	3, {TEXTOID, NAMEOID, BOOLOID}
};

/*
 * Makes the failed rows of a feed (NULL: of all feeds of the server) ready,
 * and optionally the waiting ones.
 */
int64
bcd_pending_retry(const char *feed, const char *server, bool waiting)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = bcd_text_or_null(feed, &nulls[0]);
	args[1] = bcd_name_datum(server);
	args[2] = BoolGetDatum(waiting);
	return bcd_execute(&retry, args, nulls);
}

/*
 * Starting at row $2 of feed $1, follows rows that failed because another row
 * had the value that they want, each to the next one. If this leads to a row
 * that is being pushed, they wait for nothing else.
 */
static BcdStatement revive = {
	"WITH RECURSIVE chain (feed, key) AS ("
	"  SELECT $1, $2"
	"  UNION"
	"  SELECT p.waits_feed, p.waits_key FROM chain JOIN bcdelta.pending AS p USING (feed, key)"
	"  WHERE p.state = 'failed' AND p.waits_key IS NOT NULL)"
	"UPDATE bcdelta.pending AS p SET state = 'ready', attempts = 0, waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL FROM chain"
	" WHERE p.feed = chain.feed AND p.key = chain.key AND p.state = 'failed' AND p.waits_feed IS NOT NULL"
	" AND EXISTS (SELECT FROM chain JOIN bcdelta.pending AS o USING (feed, key)"
	"  WHERE o.state IN ('ready', 'in_flight', 'waiting'))",
	2, {TEXTOID, TEXTOID}
};

/*
 * Called when a row wants a value that the record of a failed row has. If that
 * row failed because it was waiting for this one or another row that is being
 * pushed, perhaps through further rows, all of them can be written now, and
 * are made ready. Returns false if that was not the reason.
 */
bool
bcd_pending_revive(const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_execute(&revive, args, NULL) > 0;
}

static BcdStatement waits_for = {
	"WITH RECURSIVE chain (feed, key) AS ("
	"  SELECT $1, $2"
	"  UNION"
	"  SELECT p.waits_feed, p.waits_key FROM chain JOIN bcdelta.pending AS p USING (feed, key)"
	"  WHERE p.state = 'waiting' AND p.waits_key IS NOT NULL)"
	"SELECT p.feed, p.key FROM chain JOIN bcdelta.pending AS p USING (feed, key) WHERE p.state = 'in_flight'",
	2, {TEXTOID, TEXTOID}
};

/*
 * Starting at a row, follows rows that wait, each to the one that it waits for.
 * Returns whether this leads to a row that is being pushed, and sets the feed and
 * key of that one.
 */
bool
bcd_pending_waits_for(const char *feed, const char *key, char **other_feed, char **other_key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	if (bcd_select(&waits_for, args, NULL) == 0)
		return false;
	*other_feed = bcd_column_text(0, 1);
	*other_key = bcd_column_text(0, 2);
	return true;
}

static BcdStatement is_waited_for = {
	"SELECT FROM bcdelta.pending WHERE state = 'waiting' AND waits_key = $2 AND waits_feed = $1 LIMIT 1",
	2, {TEXTOID, TEXTOID}
};

/* Returns whether rows wait for a row to give up what they want. */
bool
bcd_pending_is_waited_for(const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_execute(&is_waited_for, args, NULL) > 0;
}

static BcdStatement note_attempt = {
	"UPDATE bcdelta.pending AS p SET attempts = p.attempts + 1, last_error = u.reason"
	" FROM unnest($2, $3) AS u (key, reason)"
	" WHERE p.feed = $1 AND p.key = u.key AND p.state = 'ready' AND p.attempts = 0",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Counts an unsuccessful attempt for rows of a feed, given by their keys and
 * the reasons (text[]).
 */
void
bcd_pending_note_attempts(const char *feed, Datum keys, Datum reasons)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys, reasons};

	(void) bcd_execute(&note_attempt, args, NULL);
}

/*
 * The first statement of key changes that has to wait for a row in flight, or
 * for a row whose record may have been created but is not linked yet; null if
 * there is none
 */
static BcdStatement select_blocked = {
	"SELECT min(m.move_id) FROM ("
	"  SELECT feed, key FROM bcdelta.pending WHERE state = 'in_flight'"
	"  UNION ALL SELECT feed, key FROM bcdelta.pending WHERE intent IS NOT NULL AND intent ? '' AND state <> 'review'"
	" ) AS p JOIN bcdelta.feed AS f USING (feed)"
	" JOIN bcdelta.move AS m ON m.feed_id = f.feed_id AND p.key IN (m.key, m.moved_from)"
	" WHERE f.feed_id = $1",
	1, {INT4OID}
};

/* Returns the number of that statement, or PG_INT64_MAX if there is none. */
int64
bcd_pending_first_moving(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);
	int64		move_id;
	bool		isnull;

	(void) bcd_execute(&select_blocked, &arg, NULL);
	move_id = bcd_column_int64(0, 1, &isnull);
	return isnull ? PG_INT64_MAX : move_id;
}

/*
 * A row that key changes wait for must not itself wait for someone to
 * intervene. If it cannot be determined whether its record was created, the
 * row is in review until these changes mark it; they then go ahead without the
 * record.
 */
static BcdStatement wake_lost_creates = {
	"UPDATE bcdelta.pending AS p SET state = 'ready', attempts = 0, last_error = NULL,"
	" waits_feed = NULL, waits_key = NULL"
	" FROM bcdelta.feed AS f WHERE f.feed_id = $1 AND p.feed = f.feed AND p.intent IS NOT NULL AND p.intent ? ''"
	" AND p.state IN ('failed', 'deferred')"
	" AND EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $1 AND p.key IN (m.key, m.moved_from))",
	1, {INT4OID}
};

void
bcd_pending_wake_moving(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	(void) bcd_execute(&wake_lost_creates, &arg, NULL);
}

/* Rows that refer to one of these could not be pushed before. */
#define FREE_WAITING(keys) \
	"UPDATE bcdelta.pending AS p SET state = 'ready', waits_feed = NULL, waits_key = NULL, last_error = NULL" \
	" FROM bcdelta.feed AS f, " keys \
	" WHERE f.feed_id = $1 AND p.state = 'deferred' AND p.waits_feed = f.feed AND p.waits_key = k.key"

static BcdStatement free_moved = {
	FREE_WAITING("unnest($2) AS k (key)"),
	2, {INT4OID, TEXTARRAYOID}
};

static BcdStatement free_moves = {
	FREE_WAITING("(SELECT key FROM bcdelta.move WHERE feed_id = $1 AND move_id < $2"
				 " UNION SELECT moved_from FROM bcdelta.move WHERE feed_id = $1 AND move_id < $2) AS k"),
	2, {INT4OID, INT8OID}
};

/* The rows of these keys (text[]) have moved. */
void
bcd_pending_free_moved(int32 feed_id, Datum keys)
{
	Datum		args[] = {Int32GetDatum(feed_id), keys};

	(void) bcd_execute(&free_moved, args, NULL);
}

/* The same for the keys of the first key changes, those before number end. */
void
bcd_pending_free_moves(int32 feed_id, int64 end)
{
	Datum		args[] = {Int32GetDatum(feed_id), Int64GetDatum(end)};

	(void) bcd_execute(&free_moves, args, NULL);
}
