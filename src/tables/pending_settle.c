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
#include "tables/rows.h"

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

#define FATE_COLUMNS	11

static const Oid fate_types[FATE_COLUMNS] = {TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, INT8OID, INT8OID};

/* The same instant for all rows, so that those that wait equally long go on together */
#define NOW	"(SELECT clock_timestamp())"

/*
 * A row that changed while it was in flight becomes ready, whatever the
 * outcome, unless the store may still carry out what was given up.
 */
#define PUT_BACK(state, attempts, delay_ms, error, waits_feed, waits_key, found, trouble, early_ms, rest_ms) \
	"UPDATE bcdelta.pending AS p SET" \
	" state = CASE WHEN NOT p.again THEN " state " WHEN " rest_ms " > 0 THEN 'waiting' ELSE 'ready' END," \
	" attempts = CASE WHEN p.again THEN 0 ELSE " attempts " END," \
	" next_attempt_at = CASE WHEN CASE WHEN p.again THEN " rest_ms " > 0 ELSE " state " = 'waiting' END" \
	"  THEN " NOW " + greatest(CASE WHEN NOT p.again THEN " delay_ms " END, " rest_ms ") * interval '1 millisecond' END," \
	" not_before = CASE WHEN " rest_ms " > 0 THEN " NOW " + " rest_ms " * interval '1 millisecond' END," \
	" last_error = CASE WHEN NOT p.again THEN " error " END," \
	" waits_feed = CASE WHEN NOT p.again THEN " waits_feed " END," \
	" waits_key = CASE WHEN NOT p.again THEN " waits_key " END," \
	" intent = CASE WHEN NOT " found " THEN p.intent END," \
	" trouble = CASE WHEN NOT p.again THEN " trouble " END," \
	" early_at = CASE WHEN NOT p.again AND " trouble " IS NOT NULL" \
	"  THEN " NOW " + " early_ms " * interval '1 millisecond' END," \
	" again = false"

static BcdStatement put_back_one = {
	PUT_BACK("$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12")
	" WHERE p.feed = $1 AND p.key = $2 AND p.state = 'in_flight'",
	1 + FATE_COLUMNS, {TEXTOID, TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, INT8OID, INT8OID}
};

static BcdStatement put_back = {
	PUT_BACK("n.state", "n.attempts", "n.delay_ms", "n.error", "n.waits_feed", "n.waits_key", "n.found", "n.trouble", "n.early_ms", "n.rest_ms")
	" FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
	"  AS n(key, state, attempts, delay_ms, error, waits_feed, waits_key, found, trouble, early_ms, rest_ms)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"  WHERE o.feed = $1 AND o.key = n.key AND o.state = 'in_flight' LIMIT 1) AS here"
	" WHERE p.ctid = here.tid",
	1 + FATE_COLUMNS, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	BOOLARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
};

/* Sets the values of a fate, in the order of the statements' parameters. */
static void
set_fate(const void *row, Datum *values, char *nulls)
{
	const BcdPendingFate *fate = row;

	values[0] = CStringGetTextDatum(fate->key);
	values[1] = CStringGetTextDatum(fate->state);
	values[2] = Int32GetDatum(fate->attempts);
	values[3] = Int64GetDatum(fate->delay_ms);
	values[4] = bcd_text_or_null(fate->error, &nulls[4]);
	values[5] = bcd_text_or_null(fate->waits_feed, &nulls[5]);
	values[6] = bcd_text_or_null(fate->waits_key, &nulls[6]);
	values[7] = BoolGetDatum(fate->found);
	values[8] = bcd_text_or_null(fate->trouble, &nulls[8]);
	values[9] = Int64GetDatum(fate->early_ms);
	values[10] = Int64GetDatum(fate->rest_ms);
}

/* Claimed rows of a feed that are not done yet */
void
bcd_pending_put_back(const char *feed, const BcdPendingFate *fates, int n)
{
	char		nulls[] = "            ";
	Datum		args[1 + FATE_COLUMNS];

	args[0] = CStringGetTextDatum(feed);
	if (n == 1)
	{
		set_fate(fates, args + 1, nulls + 1);
		(void) bcd_execute(&put_back_one, args, nulls);
	}
	else if (n > 1)
	{
		bcd_rows_as_arrays(fates, sizeof(BcdPendingFate), n, set_fate, fate_types, FATE_COLUMNS, args + 1);
		(void) bcd_execute(&put_back, args, NULL);
	}
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
