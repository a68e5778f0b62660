/*
 * pending_mark.c
 *		bcdelta.pending: marking rows that have to be pushed.
 *
 * What it means to mark a row is defined once, in MARK. A row that was not
 * pending becomes ready. So does a row that failed or waits, as if it had
 * never been tried; but not before a time until which the store may still carry
 * out a request that was given up. A row in flight becomes ready once its request has ended.
 * changed_at remains the time of the oldest change. last_changed_at is that of
 * the last one, if the feed's policy needs it: null if the row was marked for
 * another reason since.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link_referrers.h"
#include "tables/pending_mark.h"

/*
 * select returns the columns (feed, key, changed_at) of rows, each row once.
 * The WHERE clause at the end skips rows that the update would leave as they
 * are.
 */
#define RESTS	"coalesce(p.not_before > clock_timestamp(), false)"
#define MARK_WITH(columns, select) \
	"INSERT INTO bcdelta.pending AS p (" columns ")" \
	select \
	" ON CONFLICT (feed, key) DO UPDATE SET" \
	" state = CASE WHEN p.state = 'in_flight' THEN 'in_flight' WHEN " RESTS " THEN 'waiting' ELSE 'ready' END," \
	" again = (p.state = 'in_flight')," \
	" attempts = CASE p.state WHEN 'in_flight' THEN p.attempts ELSE 0 END," \
	" next_attempt_at = CASE WHEN p.state <> 'in_flight' AND " RESTS " THEN p.not_before END," \
	" last_error = NULL, waits_feed = NULL, waits_key = NULL," \
	" changed_at = least(p.changed_at, excluded.changed_at)," \
	" last_changed_at = CASE WHEN excluded.last_changed_at IS NOT NULL THEN greatest(p.last_changed_at, excluded.last_changed_at) END" \
	" WHERE coalesce(p.last_changed_at < excluded.last_changed_at, (p.last_changed_at IS NULL) <> (excluded.last_changed_at IS NULL))" \
	" OR (NOT (p.state = 'in_flight' AND p.again)" \
	"  AND NOT (p.state = 'ready' AND p.attempts = 0 AND p.next_attempt_at IS NULL" \
	"   AND p.last_error IS NULL AND p.changed_at <= excluded.changed_at))"

#define MARK(select)	MARK_WITH("feed, key, changed_at", select)
#define MARK_DATED(select)	MARK_WITH("feed, key, changed_at, last_changed_at", select)

/* Does a feed f compare times? */
#define BCD_FEED_IS_DATED \
	"(f.on_conflict = 'newest' OR (f.policies <> '{}' AND f.policies @? '$.* ? (@ == \"newest\")')" \
	" OR (f.server, f.resource) IN (SELECT n.server, n.resource FROM bcdelta.authority_now AS n WHERE n.owner = 'newest'))"

static BcdStatement mark = {
	MARK(" SELECT u.feed, u.key, clock_timestamp() FROM unnest($1, $2) AS u (feed, key) ORDER BY 1, 2"),
	2, {TEXTARRAYOID, TEXTARRAYOID}
};

/* Marks rows of any feeds (text[], text[]) as changed now. */
void
bcd_pending_mark(Datum feeds, Datum keys)
{
	Datum		args[] = {feeds, keys};

	(void) bcd_execute(&mark, args, NULL);
}

/* Rows whose keys are about to move are marked after the move; see fold.c. */
static BcdStatement mark_changed = {
	MARK_DATED(" SELECT f.feed, c.key, min(c.changed_at), CASE WHEN " BCD_FEED_IS_DATED " AND bool_and(c.captured) THEN max(c.changed_at) END"
			   " FROM unnest($1, $2, $3, $5) AS c(feed_id, key, changed_at, captured) JOIN bcdelta.feed AS f USING (feed_id)"
			   " WHERE NOT ($4 AND EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = c.feed_id AND m.key = c.key))"
			   " AND NOT ($4 AND EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = c.feed_id AND m.moved_from = c.key))"
			   " GROUP BY f.feed, c.key ORDER BY f.feed, c.key"),
	5, {INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, BOOLOID, BOOLARRAYOID}
};

/*
 * Marks the rows of changes, given as arrays of the columns; captured (bool[]):
 * the row is known to have changed at that time.
 */
void
bcd_pending_mark_changed(Datum feed_ids, Datum keys, Datum changed_ats, Datum captured, bool moves_exist)
{
	Datum		args[] = {feed_ids, keys, changed_ats, BoolGetDatum(moves_exist), captured};

	(void) bcd_execute(&mark_changed, args, NULL);
}

static BcdStatement mark_found = {
	MARK(" SELECT $1, c.key, min(c.changed_at) FROM unnest($3, $4) AS c(key, changed_at)"
		 " WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed_id = $2)"
		 " AND NOT EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $2 AND m.key = c.key)"
		 " AND NOT EXISTS (SELECT FROM bcdelta.move AS m WHERE m.feed_id = $2 AND m.moved_from = c.key)"
		 " GROUP BY c.key ORDER BY c.key"),
	4, {TEXTOID, INT4OID, TEXTARRAYOID, TIMESTAMPTZARRAYOID}
};

/* Marks rows of one feed (text[]) for changes (timestamptz[]). */
void
bcd_pending_mark_found(const char *feed, int32 feed_id, Datum keys, Datum changed_ats)
{
	Datum		args[] = {CStringGetTextDatum(feed), Int32GetDatum(feed_id), keys, changed_ats};

	(void) bcd_execute(&mark_found, args, NULL);
}

static BcdStatement mark_moved = {
	MARK(" SELECT f.feed, u.key, u.changed_at FROM bcdelta.feed AS f, unnest($2, $3) AS u (key, changed_at)"
		 " WHERE f.feed_id = $1 ORDER BY u.key"),
	3, {INT4OID, TEXTARRAYOID, TIMESTAMPTZARRAYOID}
};

/* Marks rows of one feed whose links have moved (text[], timestamptz[]). */
void
bcd_pending_mark_moved(int32 feed_id, Datum keys, Datum changed_ats)
{
	Datum		args[] = {Int32GetDatum(feed_id), keys, changed_ats};

	(void) bcd_execute(&mark_moved, args, NULL);
}

/* Rows that failed stay so, and the caller takes care of rows in flight. */
static BcdStatement mark_displaced = {
	"INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT $1, key, clock_timestamp() FROM unnest($2) AS u (key)"
	" ON CONFLICT (feed, key) DO UPDATE SET state = 'ready', attempts = 0, next_attempt_at = NULL,"
	" waits_feed = NULL, waits_key = NULL WHERE p.state NOT IN ('in_flight', 'failed', 'review')",
	2, {TEXTOID, TEXTARRAYOID}
};

/* Marks rows of a feed (text[]) that now have another record, or none. */
void
bcd_pending_mark_displaced(const char *feed, Datum keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys};

	(void) bcd_execute(&mark_displaced, args, NULL);
}

static BcdStatement mark_moves = {
	MARK(" SELECT f.feed, k.key, min(m.changed_at)"
		 " FROM bcdelta.move AS m JOIN bcdelta.feed AS f USING (feed_id)"
		 " CROSS JOIN LATERAL (VALUES (m.key), (m.moved_from)) AS k(key)"
		 " WHERE m.feed_id = $1 AND m.move_id < $2"
		 " GROUP BY f.feed, k.key ORDER BY k.key"),
	2, {INT4OID, INT8OID}
};

/*
 * Marks the rows of both keys of the first key changes, those before number
 * end.
 */
void
bcd_pending_mark_moves(int32 feed_id, int64 end)
{
	Datum		args[] = {Int32GetDatum(feed_id), Int64GetDatum(end)};

	(void) bcd_execute(&mark_moves, args, NULL);
}

/* The keys of the linked and pending rows of feed f */
#define KNOWN_KEYS \
	" SELECT l.key FROM bcdelta.link AS l WHERE l.feed = f.feed" \
	" UNION SELECT q.key FROM bcdelta.pending AS q WHERE q.feed = f.feed AND q.key <> '[null]'"

static BcdStatement mark_known = {
	MARK(" SELECT f.feed, k.key, $2 FROM bcdelta.feed AS f JOIN LATERAL (" KNOWN_KEYS ") AS k ON true"
		 " WHERE f.feed_id = $1"),
	2, {INT4OID, TIMESTAMPTZOID}
};

/* Marks all rows of a feed that are linked or pending. */
void
bcd_pending_mark_known(int32 feed_id, TimestampTz changed_at)
{
	Datum		args[] = {Int32GetDatum(feed_id), TimestampTzGetDatum(changed_at)};

	(void) bcd_execute(&mark_known, args, NULL);
}

/* Rows of the source without a key cannot be told apart. */
static BcdStatement mark_without_key = {
	"INSERT INTO bcdelta.pending AS p (feed, key, state, changed_at, last_error)"
	" SELECT feed, '[null]', 'failed', $2,"
	" 'a row whose key is null or too long was changed; give it another key, then mark it'"
	" FROM bcdelta.feed WHERE feed_id = $1"
	" ON CONFLICT (feed, key) DO UPDATE SET state = 'failed', last_error = excluded.last_error,"
	" changed_at = least(p.changed_at, excluded.changed_at)",
	2, {INT4OID, TIMESTAMPTZOID}
};

void
bcd_pending_mark_without_key(int32 feed_id, TimestampTz changed_at)
{
	Datum		args[] = {Int32GetDatum(feed_id), TimestampTzGetDatum(changed_at)};

	(void) bcd_execute(&mark_without_key, args, NULL);
}

static BcdStatement mark_lookups = {
	"WITH gone AS (DELETE FROM bcdelta.lookup WHERE dependency_id = $1 RETURNING feed_id, changed_at)"
	MARK(" SELECT f.feed, k.key, g.changed_at"
		 " FROM (SELECT feed_id, min(changed_at) AS changed_at FROM gone GROUP BY feed_id) AS g"
		 " JOIN bcdelta.feed AS f USING (feed_id) CROSS JOIN LATERAL (" KNOWN_KEYS ") AS k"),
	1, {INT4OID}
};

/*
 * Values captured for a dependency that no longer exists may concern any row,
 * so all known rows of the feed are marked instead.
 */
int64
bcd_pending_mark_lookups(int32 dependency_id)
{
	Datum		arg = Int32GetDatum(dependency_id);

	return bcd_execute(&mark_lookups, &arg, NULL);
}

static BcdStatement mark_referrers = {
	MARK(" SELECT l.feed, l.key, clock_timestamp()" BCD_REFERRERS
		 " GROUP BY l.feed, l.key ORDER BY l.feed, l.key"),
	3, {NAMEOID, TEXTARRAYOID, INT8ARRAYOID}
};

/* Marks the rows that bcd_link_referrers() would return. */
void
bcd_pending_mark_referrers(const char *server, Datum fields, Datum hashes)
{
	Datum		args[] = {bcd_name_datum(server), fields, hashes};

	(void) bcd_execute(&mark_referrers, args, NULL);
}

static BcdStatement take_over = {
	"WITH gone AS ("
	"  DELETE FROM bcdelta.link WHERE feed = $1 AND address = $3 AND key <> $2 RETURNING key) "
	MARK(" SELECT $1, key, clock_timestamp() FROM gone"),
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Gives a record to this row that is linked to another key of the feed now.
 * The caller has made sure that it belongs to this row. The other row, if it
 * still exists, has to look up its record again.
 */
void
bcd_pending_take_over(const char *feed, const char *key, int64 store_id)
{
	bcd_pending_take_over_at(feed, key, psprintf(INT64_FORMAT, store_id));
}

/* The same for the record at an address */
void
bcd_pending_take_over_at(const char *feed, const char *key, const char *address)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), CStringGetTextDatum(address)};

	(void) bcd_execute(&take_over, args, NULL);
}

static BcdStatement respell_key = {
	"WITH gone AS ("
	"  DELETE FROM bcdelta.pending AS p USING unnest($2, $3) AS u (old, new)"
	"  WHERE p.feed = $1 AND p.key = u.old RETURNING u.new, p.changed_at, p.intent) "
	MARK_WITH("feed, key, changed_at, intent",
			  " SELECT $1, new, min(changed_at), (array_agg(intent) FILTER (WHERE intent IS NOT NULL))[1]"
			  " FROM gone GROUP BY new ORDER BY new"),
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

static BcdStatement respell_waits_key = {
	"UPDATE bcdelta.pending AS p SET waits_key = u.new FROM unnest($2, $3) AS u (old, new)"
	" WHERE p.waits_feed = $1 AND p.waits_key = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

/*
 * Replaces the spelling of keys of a feed (text[]), and marks their rows; none
 * of the new spellings may be among the old ones.
 */
void
bcd_pending_respell(const char *feed, Datum old, Datum new)
{
	Datum		args[] = {CStringGetTextDatum(feed), old, new};

	(void) bcd_execute(&respell_key, args, NULL);
	(void) bcd_execute(&respell_waits_key, args, NULL);
}
