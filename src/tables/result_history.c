/*
 * result_history.c
 *		What happened to one row, from everything that is kept of it.
 *
 * Each part is found by an index that begins with the feed and the key, or by
 * the addresses of the row's records: it must not take longer when there are
 * millions of results.  Captured changes have no index, so they are not
 * searched if there are many.
 *
 * When the key of a row changes, only its link moves.  The notes for undoing
 * say under which other keys the link's record was written; results of such a
 * key belong to this row if they are of this record, because by now another
 * row may have that key, and a record of its own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "base/extension.h"
#include "tables/result_history.h"

/* So many bytes of captured changes are searched within some milliseconds */
#define FEW_CHANGES	"4194304"

#define CHANGE_BYTES \
	"(pg_catalog.pg_relation_size('bcdelta.change') + pg_catalog.pg_relation_size('bcdelta.change_1')" \
	" + pg_catalog.pg_relation_size('bcdelta.change_2'))"

#define CAPTURED \
	"SELECT c.at, 0 AS rank, 'captured' AS what, NULL::text AS outcome, NULL::int8 AS run_id, NULL::int8 AS store_id," \
	" NULL::int4 AS http_status, NULL::text AS request_id, NULL::text AS message, NULL::jsonb AS detail, NULL::text AS by_role" \
	" FROM (SELECT captured_at FROM bcdelta.result WHERE feed = $1 AND key = $2" \
	"  UNION SELECT captured_at FROM r WHERE key <> $2 UNION SELECT changed_at FROM p) AS c (at)" \
	" WHERE c.at IS NOT NULL"

#define NOT_FOLDED \
	" UNION ALL SELECT changed_at, 0, 'captured', CASE op WHEN 'h' THEN 'marked' WHEN 'm' THEN 'moved' ELSE 'changed' END," \
	" NULL, NULL, NULL, NULL, concat('not looked at yet', '; the key was ' || moved_from), NULL, NULL" \
	" FROM bcdelta.change WHERE feed_id = $3 AND key = $2 AND " CHANGE_BYTES " <= " FEW_CHANGES \
	" UNION ALL SELECT now(), 9, 'now', NULL, NULL, NULL, NULL, NULL," \
	" format('%s of captured changes have not been looked at yet, maybe some of this row', pg_size_pretty(" CHANGE_BYTES ")), NULL, NULL" \
	" WHERE " CHANGE_BYTES " > " FEW_CHANGES

#define UNDO(from) \
	" UNION ALL SELECT u.written_at, 1, 'sent', u.action, u.run_id, u.store_id, NULL, NULL," \
	" 'undone by run ' || u.undone_by, jsonb_build_object('before', u.before, 'after', u.after) || CASE WHEN u.key = $2 THEN '{}' ELSE jsonb_build_object('key', u.key) END, NULL FROM " from

#define SENT \
	UNDO("(SELECT address FROM r UNION SELECT address FROM l) AS a CROSS JOIN LATERAL (" \
		 " SELECT * FROM bcdelta.undo AS o WHERE o.address = a.address AND o.feed = $1" \
		 " AND (o.key = $2 OR (o.key, o.address) IN (SELECT key, address FROM k)) OFFSET 0) AS u") \
	UNDO("bcdelta.undo AS u WHERE u.feed = $1 AND u.key = $2 AND u.address IS NULL")

#define RESULTS \
	" UNION ALL SELECT attempted_at, 2, CASE WHEN outcome IN ('created', 'updated', 'deleted', 'hidden') THEN 'written'" \
	"  WHEN outcome IN ('failed', 'invalid') THEN 'refused' WHEN outcome = 'retry' THEN 'tried' ELSE outcome END, outcome," \
	" run_id, store_id, http_status, request_id, error," \
	" nullif(CASE WHEN parts IS NULL THEN '{}' ELSE jsonb_build_object('parts', parts) END" \
	"  || CASE WHEN request IS NULL THEN '{}' ELSE jsonb_build_object('request', request) END" \
	"  || CASE WHEN key = $2 THEN '{}' ELSE jsonb_build_object('key', key) END, '{}'), NULL FROM r"

#define DECIDED \
	" UNION ALL SELECT found_at, 3, 'conflict', state, run_id, store_id, NULL, NULL, concat_ws(': ', coalesce(field, 'the whole record'), kind, reason)," \
	" jsonb_build_object('conflict_id', conflict_id, 'field', field, 'base', base, 'source_value', source_value, 'store_value', store_value," \
	"  'value', value, 'decided_at', decided_at, 'decided_by', decided_by, 'note', note), NULL" \
	" FROM bcdelta.conflict WHERE feed = $1 AND key = $2" \
	" UNION ALL SELECT at, 4, 'decided', what, NULL, NULL, NULL, NULL, reason, detail, by_role" \
	" FROM bcdelta.journal WHERE feed = $1 AND key = $2"

#define NOW \
	" UNION ALL SELECT now(), 9, 'now', state, NULL, NULL, NULL, NULL, coalesce(last_error," \
	"  CASE state WHEN 'deferred' THEN format('waits for row %s of feed %s', waits_key, waits_feed) WHEN 'ready' THEN 'is pushed next'" \
	"   WHEN 'in_flight' THEN 'a request may be in progress' END)," \
	" jsonb_build_object('attempts', attempts, 'next_attempt_at', next_attempt_at, 'waits_feed', waits_feed, 'waits_key', waits_key," \
	"  'intent', intent, 'again', again), NULL FROM p" \
	" UNION ALL SELECT now(), 9, 'now', 'linked', NULL, store_id, NULL, NULL," \
	" CASE WHEN NOT EXISTS (SELECT FROM p) THEN 'nothing is pending' END, jsonb_build_object('address', address, 'pushed_at', pushed_at), NULL FROM l" \
	" UNION ALL SELECT now(), 9, 'now', 'adjusted', NULL, NULL, NULL, NULL, concat_ws(': ', field, reason)," \
	" jsonb_build_object('adjustment_id', adjustment_id, 'field', field, 'value', value, 'until', until, 'state', state), by_role" \
	" FROM bcdelta.adjustment WHERE feed = $1 AND key = $2 AND state <> 'ended'"

static BcdStatement history = {
	"WITH l AS MATERIALIZED (SELECT * FROM bcdelta.link WHERE feed = $1 AND key = $2),"
	" k AS MATERIALIZED (SELECT DISTINCT u.key, u.address FROM l CROSS JOIN LATERAL ("
	"  SELECT * FROM bcdelta.undo AS o WHERE o.address = l.address AND o.feed = $1 AND o.feed_id = $3 AND o.key <> $2 OFFSET 0) AS u),"
	" r AS MATERIALIZED (SELECT * FROM bcdelta.result WHERE feed = $1 AND key = $2"
	"  UNION ALL SELECT o.* FROM k CROSS JOIN LATERAL ("
	"   SELECT * FROM bcdelta.result AS e WHERE e.feed = $1 AND e.key = k.key AND e.address = k.address COLLATE \"C\" OFFSET 0) AS o),"
	" p AS MATERIALIZED (SELECT * FROM bcdelta.pending WHERE feed = $1 AND key = $2)"
	" SELECT h.at, h.what, h.outcome, h.run_id, (SELECT u.kind FROM bcdelta.run AS u WHERE u.run_id = h.run_id),"
	" h.store_id, h.http_status, h.request_id, h.message, h.detail, h.by_role"
	" FROM (" CAPTURED NOT_FOLDED SENT RESULTS DECIDED NOW ") AS h WHERE h.at >= $4 ORDER BY h.rank = 9, h.at, h.rank",
	4, {TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID}
};

/*
 * Reads what is known of a row since a time (or DT_NOBEGIN), oldest first, and
 * at last what is to be done now; returns the number of rows for
 * bcd_history_row().
 */
uint64
bcd_history(const char *feed, int32 feed_id, const char *key, TimestampTz since)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key), Int32GetDatum(feed_id), TimestampTzGetDatum(since)};

	return bcd_query_as_seen(&history, args, NULL, 0);
}

void
bcd_history_row(uint64 i, Datum *values, bool *nulls)
{
	int			j;

	for (j = 0; j < BCD_HISTORY_COLUMNS; j++)
		values[j] = bcd_column_datum(i, j + 1, &nulls[j]);
}

/* May a role read all tables that the history of a row comes from? */
bool
bcd_history_readable(Oid role)
{
	static const char *const tables[] = {"result", "run", "pending", "link", "change", "undo", "conflict", "journal", "adjustment"};
	int			i;

	for (i = 0; i < lengthof(tables); i++)
		if (pg_class_aclcheck(bcd_table_oid(tables[i]), role, ACL_SELECT) != ACLCHECK_OK)
			return false;
	return true;
}
