/*
 * preflight_reply.c
 *		bcdelta.preflight_reply: what a store has answered to a preflight.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/preflight_reply.h"

static BcdStatement insert_reply = {
	"INSERT INTO bcdelta.preflight_reply (run_id, role, what, status, list) VALUES ($1, $2, $3, $4, $5::jsonb)"
	" ON CONFLICT (run_id, role, what) DO UPDATE SET status = excluded.status, list = excluded.list",
	5, {INT8OID, OIDOID, TEXTOID, INT4OID, TEXTOID}
};

/*
 * Records an answer to what was asked with the token of a role; list: JSON, or
 * NULL.
 */
void
bcd_preflight_replied(int64 run_id, Oid role, const char *what, long status, const char *list)
{
	char		nulls[] = "     ";
	Datum		args[5];

	args[0] = Int64GetDatum(run_id);
	args[1] = ObjectIdGetDatum(role);
	args[2] = CStringGetTextDatum(what);
	args[3] = Int32GetDatum((int32) status);
	args[4] = bcd_text_or_null(list, &nulls[4]);
	(void) bcd_execute(&insert_reply, args, nulls);
}

/* Records what the store tells of itself, as an answer to role 0. */
void
bcd_preflight_store(int64 run_id, const BcdStoreTold *told)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"quota_known\": %s, \"quota\": " INT64_FORMAT ", \"window_ms\": " INT64_FORMAT ", \"share\": %g,"
					 " \"others\": %g, \"others_now\": " INT64_FORMAT ", \"clock_known\": %s, \"offset_ms\": " INT64_FORMAT ", \"round_trip_ms\": " INT64_FORMAT "}",
					 told->quota_known ? "true" : "false", told->quota, told->window_ms, told->share, told->others, told->others_now,
					 told->clock_known ? "true" : "false", told->offset_ms, told->round_trip_ms);
	bcd_preflight_replied(run_id, InvalidOid, "store", 0, json.data);
}

static BcdStatement select_replies = {
	"SELECT role::int8, what, status::int8, list FROM bcdelta.preflight_reply WHERE run_id = $1 AND role <> 0 ORDER BY role, what",
	1, {INT8OID}
};

/*
 * Returns the answers of a run as BcdPreflightReply structs, as of now and in
 * the current memory context.
 */
List *
bcd_preflight_replies(int64 run_id)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = Int64GetDatum(run_id);
	uint64		n = bcd_query_newest(&select_replies, &arg, NULL, 0);
	List	   *list = NIL;
	uint64		i;

	MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		BcdPreflightReply *reply = palloc(sizeof(BcdPreflightReply));

		reply->role = (Oid) bcd_column_int64(i, 1, NULL);
		reply->what = bcd_column_text(i, 2);
		reply->status = (int) bcd_column_int64(i, 3, NULL);
		reply->list = bcd_column_jsonb(i, 4);
		list = lappend(list, reply);
	}
	return list;
}

static BcdStatement select_store = {
	"SELECT (list ->> 'quota_known')::bool, (list ->> 'quota')::int8, (list ->> 'window_ms')::int8, list ->> 'share', list ->> 'others',"
	" (list ->> 'clock_known')::bool, (list ->> 'offset_ms')::int8, (list ->> 'round_trip_ms')::int8,"
	" (list ->> 'others_now')::int8"
	" FROM bcdelta.preflight_reply WHERE run_id = $1 AND role = 0",
	1, {INT8OID}
};

/* Returns what a store has told of itself in a run, or false: nothing. */
bool
bcd_preflight_told(int64 run_id, BcdStoreTold *told)
{
	Datum		arg = Int64GetDatum(run_id);

	memset(told, 0, sizeof(*told));
	if (bcd_query_newest(&select_store, &arg, NULL, 0) == 0)
		return false;
	told->quota_known = bcd_column_bool(0, 1);
	told->quota = bcd_column_int64(0, 2, NULL);
	told->window_ms = bcd_column_int64(0, 3, NULL);
	told->share = atof(bcd_column_text(0, 4));
	told->others = atof(bcd_column_text(0, 5));
	told->clock_known = bcd_column_bool(0, 6);
	told->offset_ms = bcd_column_int64(0, 7, NULL);
	told->round_trip_ms = bcd_column_int64(0, 8, NULL);
	told->others_now = bcd_column_int64(0, 9, NULL);
	return true;
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.preflight_reply WHERE ctid = ANY (ARRAY(SELECT p.ctid FROM bcdelta.preflight_reply AS p"
	" LEFT JOIN bcdelta.run AS r USING (run_id) WHERE r.run_id IS NULL OR r.finished_at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/*
 * Removes answers of runs that ended at least this many days ago, up to a
 * limit; returns their number.
 */
int64
bcd_preflight_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_execute(&prune, args, NULL);
}
