/*
 * pending_claim.c
 *		bcdelta.pending: rows from ready to in flight, and back.
 *
 * Only the worker writes to pending, so no other session's lock stands in its
 * way. A claim commits the rows as in_flight before the first request for them
 * is sent; a later transaction commits the outcome. Rows that turn out to need
 * nothing are deleted by the claim itself, and are never in flight. Rows found in_flight when
 * the worker starts may or may not have reached the store, so what the store
 * holds of them is forgotten and they become ready again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/feed.h"
#include "tables/link.h"
#include "tables/pending_claim.h"

/*
 * Selects rows in the order of their keys, each time starting after the last
 * key, so that no claim has to step over the dead index entries left by
 * earlier ones. A feed that was paused or altered meanwhile has nothing to
 * claim. Rows and their links are found one by one, so that the plan fits
 * tables of any size. Of a record that may have been created, it is remembered
 * what it was sent with.
 */
static BcdStatement claim = {
	"WITH c AS ("
	"  SELECT ctid AS tid, key, attempts, intent, last_changed_at, changed_at FROM bcdelta.pending"
	"  WHERE state = 'ready' AND feed = $1 AND " BCD_BEHIND_KEY
	"  AND EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1 AND f.state = 'active'"
	"   AND f.feed_id = $4 AND f.version = $5)"
	"  ORDER BY key LIMIT $3)"
	" SELECT c.key, c.attempts, l.store_id, l.payload, c.intent -> '',"
	"  CASE WHEN l.key IS NULL THEN nullif(c.intent - '' - 'fields', '{}') ELSE l.remembered END, l.aside, l.address, l.doubt,"
	"  (extract(epoch FROM clock_timestamp() - greatest(l.pushed_at, (l.doubt ->> 'at')::timestamptz)) * 1000)::int8, c.tid, l.sent, c.last_changed_at, c.changed_at, l.found"
	" FROM c LEFT JOIN LATERAL ("
	"  SELECT o.key, o.store_id, o.payload, o.remembered, o.sent, o.found, o.aside, o.address, o.doubt, o.pushed_at FROM bcdelta.link AS o WHERE o.feed = $1 AND o.key = c.key LIMIT 1) AS l ON true"
	" ORDER BY c.key",
	5, {TEXTOID, TEXTOID, INT8OID, INT4OID, INT4OID}
};

#define CLAIM_COLUMNS	15

/*
 * Selects up to limit ready rows of a feed, if it still has this version, that
 * follow a key (NULL: from the start), to be claimed or deleted in the same
 * transaction; returns their number.
 */
uint64
bcd_pending_to_claim(const char *feed, int32 feed_id, int32 version, const char *after, int64 limit)
{
	Datum		args[5];
	char		nulls[] = "     ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(after, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	args[3] = Int32GetDatum(feed_id);
	args[4] = Int32GetDatum(version);
	return bcd_select(&claim, args, nulls);
}

/* Returns an array of tids; see bcd_array(). */
static Datum
tid_array(const ItemPointerData *rows, int n)
{
	Datum	   *tids = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		tids[i] = PointerGetDatum(&rows[i]);
	return bcd_array(TIDOID, tids, NULL, n);
}

/*
 * An intent is dropped, because the link already says what those requests may
 * have done; but that of a create without a link is kept.
 */
static BcdStatement take = {
	"UPDATE bcdelta.pending AS p SET state = 'in_flight', again = false, next_attempt_at = NULL, not_before = NULL,"
	" trouble = NULL, early_at = NULL,"
	" intent = CASE WHEN p.intent ? '' THEN p.intent - 'fields' || coalesce($2 -> p.key, '{}') ELSE $2 -> p.key END"
	" WHERE p.ctid = ANY ($1)",
	2, {TIDARRAYOID, JSONBOID}
};

/*
 * Claims rows that were selected in this transaction. intents has the new
 * intent of some of them, by key; NULL: of none.
 */
void
bcd_pending_take(const ItemPointerData *rows, int n, Jsonb *intents)
{
	char		nulls[] = "  ";
	Datum		args[2];

	args[0] = tid_array(rows, n);
	args[1] = bcd_jsonb_or_null(intents, &nulls[1]);
	(void) bcd_execute(&take, args, nulls);
}

static BcdStatement drop = {
	"DELETE FROM bcdelta.pending WHERE ctid = ANY ($1)",
	1, {TIDARRAYOID}
};

/* Deletes rows that were selected in this transaction: they need nothing. */
void
bcd_pending_drop(const ItemPointerData *rows, int n)
{
	Datum		arg = tid_array(rows, n);

	(void) bcd_execute(&drop, &arg, NULL);
}

/*
 * The rows of the last claim, in the order of keys. Read them before the next
 * statement; they are put into the current memory context.
 */
char *
bcd_pending_claimed_key(uint64 i)
{
	return bcd_column_text(i, 1);
}

static Jsonb *
jsonb_or_null(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? NULL : DatumGetJsonbPCopy(values[column - 1]);
}

static TimestampTz
time_or_never(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? DT_NOBEGIN : DatumGetTimestampTz(values[column - 1]);
}

void
bcd_pending_claimed(uint64 i, BcdClaimed *row)
{
	Datum		values[CLAIM_COLUMNS];
	bool		nulls[CLAIM_COLUMNS];

	bcd_columns(i, values, nulls);
	row->attempts = DatumGetInt32(values[1]);
	row->store_id = nulls[2] ? 0 : DatumGetInt64(values[2]);
	row->payload = jsonb_or_null(values, nulls, 4);
	row->lost_create = jsonb_or_null(values, nulls, 5);
	row->remembered = jsonb_or_null(values, nulls, 6);
	row->aside = jsonb_or_null(values, nulls, 7);
	row->address = nulls[7] ? NULL : TextDatumGetCString(values[7]);
	row->doubt = jsonb_or_null(values, nulls, 9);
	row->written_ms = nulls[9] ? PG_INT64_MAX : DatumGetInt64(values[9]);
	row->tid = *(ItemPointer) DatumGetPointer(values[10]);
	row->sent = jsonb_or_null(values, nulls, 12);
	row->found = jsonb_or_null(values, nulls, 15);
	row->changed_at = time_or_never(values, nulls, 13);
	row->captured_at = time_or_never(values, nulls, 14);
}

static BcdStatement release = {
	"UPDATE bcdelta.pending SET state = 'ready', again = false"
	" WHERE state = 'in_flight' AND feed = ANY ($1)",
	1, {TEXTARRAYOID}
};

/*
 * At the end of a run of these feeds (text[]), makes rows that were not sent
 * ready again.
 */
void
bcd_pending_release(Datum feeds)
{
	(void) bcd_execute(&release, &feeds, NULL);
}

static BcdStatement recover = {
	"UPDATE bcdelta.pending SET state = 'ready', again = false"
	" WHERE state = 'in_flight' AND ($1 IS NULL OR feed = ANY ($1))",
	1, {TEXTARRAYOID}
};

/*
 * Makes the in-flight rows of these feeds (text[]; 0: all feeds) ready again,
 * because no request for them is under way any more.
 */
void
bcd_pending_recover(Datum feeds)
{
	(void) bcd_execute(&recover, &feeds, feeds == (Datum) 0 ? "n" : NULL);
}

/*
 * Rows that the store owned at some stage say so in review.  They are made ready
 * here, and not where the stage ends, since the worker may be about to put more
 * of them into review then.
 */
static BcdStatement give_back = {
	"UPDATE bcdelta.pending AS p SET state = 'ready', attempts = 0, next_attempt_at = NULL, last_error = NULL"
	" WHERE p.state = 'review' AND p.last_error ~ '^since stage ' AND p.feed = ANY ($1) AND NOT EXISTS ("
	"  SELECT FROM bcdelta.feed AS f JOIN bcdelta.authority_now AS n ON n.server = f.server AND n.resource = f.resource"
	"  WHERE f.feed = p.feed AND n.field IS NULL AND n.owner = 'store')",
	1, {TEXTARRAYOID}
};

/* Makes rows of these feeds (text[]) ready that the store does not own any more. */
void
bcd_pending_give_back(Datum feeds)
{
	(void) bcd_execute(&give_back, &feeds, NULL);
}

static BcdStatement delete_orphans = {
	"DELETE FROM bcdelta.pending AS p"
	" WHERE NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = p.feed) AND " BCD_FEEDS_COMPLETE,
	0, {0}
};

/* Rows of feeds that were removed */
void
bcd_pending_delete_orphans(void)
{
	(void) bcd_execute(&delete_orphans, NULL, NULL);
}
