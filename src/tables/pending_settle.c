/*
 * pending_settle.c
 *		bcdelta.pending: what becomes of claimed rows.
 *
 * Statements for several rows find the rows one by one: a subquery with LIMIT
 * or OFFSET can be joined in no other way, and a row's own tid leads to it. A
 * plan for a join, once made while the table was small, would be kept and
 * would read all rows of the feed later.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "tables/pending_settle.h"

static BcdStatement delete_done = {
	"DELETE FROM bcdelta.pending WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"  WHERE o.feed = $1 AND o.key = n.key AND NOT o.again LIMIT 1) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

static BcdStatement delete_one_done = {
	"DELETE FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND NOT again",
	2, {TEXTOID, TEXTOID}
};

/*
 * Removes rows of a feed (text[]) that are done, unless they changed
 * meanwhile.
 */
uint64
bcd_pending_delete_done(const char *feed, Datum keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys};

	return bcd_execute(&delete_done, args, NULL);
}

/* The same for a single row, which need not pay for the arrays. */
bool
bcd_pending_delete_one_done(const char *feed, const char *key)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(key)};

	return bcd_execute(&delete_one_done, args, NULL) > 0;
}

/*
 * A row that changed while it was in flight becomes ready, whatever the
 * outcome.
 */
static BcdStatement put_back = {
	"UPDATE bcdelta.pending SET"
	" state = CASE WHEN again THEN 'ready' ELSE $3 END,"
	" attempts = CASE WHEN again THEN 0 ELSE $4 END,"
	" next_attempt_at = CASE WHEN NOT again AND $3 = 'waiting'"
	"  THEN clock_timestamp() + $5 * interval '1 millisecond' END,"
	" last_error = CASE WHEN NOT again THEN $6 END,"
	" waits_feed = CASE WHEN NOT again THEN $7 END,"
	" waits_key = CASE WHEN NOT again THEN $8 END,"
	" intent = CASE WHEN NOT $9 THEN intent END,"
	" trouble = CASE WHEN NOT again THEN $10 END,"
	" early_at = CASE WHEN NOT again AND $10 IS NOT NULL"
	"  THEN clock_timestamp() + $11 * interval '1 millisecond' END,"
	" again = false"
	" WHERE feed = $1 AND key = $2 AND state = 'in_flight'",
	11, {TEXTOID, TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, INT8OID}
};

void
bcd_pending_put_back(const char *feed, const char *key, const BcdPendingFate *fate)
{
	char		nulls[] = "           ";
	Datum		args[11];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = CStringGetTextDatum(fate->state);
	args[3] = Int32GetDatum(fate->attempts);
	args[4] = Int64GetDatum(fate->delay_ms);
	args[5] = bcd_text_or_null(fate->error, &nulls[5]);
	args[6] = bcd_text_or_null(fate->waits_feed, &nulls[6]);
	args[7] = bcd_text_or_null(fate->waits_key, &nulls[7]);
	args[8] = BoolGetDatum(fate->found);
	args[9] = bcd_text_or_null(fate->trouble, &nulls[9]);
	args[10] = Int64GetDatum(fate->early_ms);
	(void) bcd_execute(&put_back, args, nulls);
}

static const BcdProbe any_deferred = {"pending", "pending_deferred", "waits_feed"};
static const BcdProbe any_given_up = {"pending", "pending_given_up", "waits_feed"};

static BcdStatement free_deferred = {
	"UPDATE bcdelta.pending SET state = 'ready', waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	"  CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"   WHERE o.state = 'deferred' AND o.waits_feed = $1 AND o.waits_key = n.key OFFSET 0) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

static BcdStatement free_given_up = {
	"UPDATE bcdelta.pending SET state = 'ready', attempts = 0, waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	"  CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"   WHERE o.state = 'failed' AND o.waits_feed = $1 AND o.waits_key = n.key OFFSET 0) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

static bool
free_waiting(const BcdProbe *any, BcdStatement *statement, const char *feed, Datum keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys};

	return bcd_probe(any, args[0], NULL) && bcd_execute(statement, args, NULL) > 0;
}

/*
 * Makes rows ready that were deferred until these rows of a feed (text[]) were
 * linked. Returns whether there were any.
 */
bool
bcd_pending_free_deferred(const char *feed, Datum keys)
{
	return free_waiting(&any_deferred, &free_deferred, feed, keys);
}

/*
 * The same for rows that failed because one of these had the value that they
 * want.
 */
bool
bcd_pending_free_given_up(const char *feed, Datum keys)
{
	return free_waiting(&any_given_up, &free_given_up, feed, keys);
}
