/*
 * item_record.c
 *		Writing the decisions on items to bcdelta.link, pending and result.
 *
 * The items of a claim or of a job are recorded together: one statement for
 * all of them where they are of the frequent kind, since starting a statement
 * costs more than a row of it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "engine/engine.h"
#include "engine/item_record.h"
#include "engine/lost_create.h"
#include "engine/referrers.h"
#include "tables/queue.h"
#include "tables/result.h"

/* Columns of several rows, for unnest() */
typedef struct BcdRows
{
	int			n;
	Datum	   *keys;
	Datum	   *store_ids;
	Datum	   *payloads;
	bool	   *no_payload;
	Datum	   *written;
	Datum	   *back;
} BcdRows;

/*
 * The statements for several rows find them one by one: a subquery with LIMIT
 * or OFFSET is not joined in any other way, and a row's own tid leads to it.
 * With a join, a plan made while the table was small would be kept, and read
 * all rows of the feed.
 */

/*
 * What a link refers to when its payload is replaced: when the record was read
 * without the ids that it was given, they are kept (referrers.c).  $7 are the fields
 * with ids of other records.
 */
#define REFERRED(l, new_payload, written, same) \
	" referred = CASE WHEN NOT " written " AND " same " THEN (" \
	"  SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(" \
	"   coalesce(" l ".referred, '{}') || coalesce(" l ".remembered, '{}') || coalesce(" l ".payload, '{}')) AS e" \
	"  WHERE e.key = ANY ($7) AND e.value <> 'null'" \
	"  AND e.value IS DISTINCT FROM " new_payload " -> e.key) END,"

/* A link that is there, whoever else wants the record: it is not theirs */
static BcdStatement update_links = {
	"UPDATE bcdelta.link AS l SET payload = n.payload,"
	" remembered = CASE WHEN n.payload IS NULL THEN coalesce(l.remembered, '{}') || coalesce(l.payload, '{}') END,"
	REFERRED("l", "n.payload", "n.written", "true")
	" pushed_at = CASE WHEN n.written THEN clock_timestamp() ELSE l.pushed_at END,"
	" aside = CASE WHEN NOT n.back THEN l.aside END"
	" FROM unnest($2, $3, $4, $5, $6) AS n(key, store_id, payload, written, back)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o"
	"  WHERE o.feed = $1 AND o.key = n.key AND o.store_id = n.store_id LIMIT 1) AS found"
	" WHERE l.ctid = found.tid",
	7, {TEXTOID, TEXTARRAYOID, INT8ARRAYOID, JSONBARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TEXTARRAYOID}
};

/* A row without a link, for a record that no other row is linked to */
static BcdStatement insert_links = {
	"INSERT INTO bcdelta.link (feed, key, store_id, payload, pushed_at)"
	" SELECT $1, n.key, n.store_id, n.payload, CASE WHEN n.written THEN clock_timestamp() END"
	" FROM unnest($2, $3, $4, $5, $6) AS n(key, store_id, payload, written, back)"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1)"
	" ON CONFLICT DO NOTHING",
	6, {TEXTOID, TEXTARRAYOID, INT8ARRAYOID, JSONBARRAYOID, BOOLARRAYOID, BOOLARRAYOID}
};

static BcdStatement put_link = {
	"INSERT INTO bcdelta.link (feed, key, store_id, payload, pushed_at)"
	" SELECT $1, $2, $3, $4, CASE WHEN $5 THEN clock_timestamp() END"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1)"
	" ON CONFLICT (feed, key) DO UPDATE SET store_id = excluded.store_id,"
	" payload = excluded.payload, remembered = NULL, pushed_at = coalesce(excluded.pushed_at, link.pushed_at),"
	REFERRED("link", "excluded.payload", "$5", "link.store_id = excluded.store_id")
	" aside = CASE WHEN NOT $6 AND link.store_id = excluded.store_id THEN link.aside END",
	7, {TEXTOID, TEXTOID, INT8OID, JSONBOID, BOOLOID, BOOLOID, TEXTARRAYOID}
};

/*
 * A record that another key of the feed is linked to now belongs to this one;
 * the caller has made sure of that.  The other row, if it is still there, has
 * to find its record anew.
 */
static BcdStatement take_over = {
	"WITH gone AS ("
	"  DELETE FROM bcdelta.link WHERE feed = $1 AND store_id = $3 AND key <> $2 RETURNING key)"
	" INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT $1, key, clock_timestamp() FROM gone"
	" ON CONFLICT (feed, key) DO UPDATE SET again = p.state = 'in_flight',"
	" state = CASE WHEN p.state = 'in_flight' THEN p.state ELSE 'ready' END,"
	" attempts = 0, next_attempt_at = NULL, waits_feed = NULL, waits_key = NULL",
	3, {TEXTOID, TEXTOID, INT8OID}
};

static BcdStatement forget_link = {
	"UPDATE bcdelta.link SET" FORGET_PAYLOAD("$3") " WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, TEXTOID}
};
static BcdStatement hide_link = {
	"UPDATE bcdelta.link SET payload = coalesce(payload, '{}') || pg_catalog.jsonb_build_object($3, NULL)"
	" WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, TEXTOID}
};
static BcdStatement put_aside = {
	"UPDATE bcdelta.link SET aside = $3 WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, JSONBOID}
};
static BcdStatement remove_link = {
	"DELETE FROM bcdelta.link WHERE feed = $1 AND key = $2",
	2, {TEXTOID, TEXTOID}
};
static BcdStatement free_deferred = {
	"UPDATE bcdelta.pending SET state = 'ready', waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	"  CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"   WHERE o.state = 'deferred' AND o.waits_feed = $1 AND o.waits_key = n.key OFFSET 0) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

static bool
is_written(const BcdItem *item)
{
	BcdOutcome	outcome = item->decision.outcome;

	return outcome == BCD_CREATED || outcome == BCD_UPDATED || outcome == BCD_HIDDEN;
}

/* Has the record what it had given up, or what its row wants in place of that? */
static bool
is_back(const BcdItem *item)
{
	return item->decision.back || (item->decision.outcome == BCD_UPDATED && item->wanted);
}

/* Links one item, whatever the links of the feed are now. */
static void
put_one(BcdLane *lane, BcdItem *item)
{
	char		nulls[] = "       ";
	Datum		args[7];

	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = CStringGetTextDatum(item->key);
	args[2] = Int64GetDatum(item->store_id);
	(void) bcd_execute(&take_over, args, NULL);
	args[3] = JsonbPGetDatum(item->known);
	nulls[3] = item->known ? ' ' : 'n';
	args[4] = BoolGetDatum(is_written(item));
	args[5] = BoolGetDatum(is_back(item));
	args[6] = bcd_reference_fields(lane->feed->resource);
	(void) bcd_execute(&put_link, args, nulls);
}

static void
add_row(BcdRows *rows, const BcdItem *item)
{
	int			i = rows->n++;

	rows->keys[i] = CStringGetTextDatum(item->key);
	rows->store_ids[i] = Int64GetDatum(item->store_id);
	rows->payloads[i] = JsonbPGetDatum(item->known);
	rows->no_payload[i] = item->known == NULL;
	rows->written[i] = BoolGetDatum(is_written(item));
	rows->back[i] = BoolGetDatum(is_back(item));
}

static void
init_rows(BcdRows *rows, int max)
{
	rows->n = 0;
	rows->keys = palloc(sizeof(Datum) * max);
	rows->store_ids = palloc(sizeof(Datum) * max);
	rows->payloads = palloc(sizeof(Datum) * max);
	rows->no_payload = palloc(sizeof(bool) * max);
	rows->written = palloc(sizeof(Datum) * max);
	rows->back = palloc(sizeof(Datum) * max);
}

/* Runs one of the two above; true when it did every row. */
static bool
put_rows(BcdLane *lane, BcdStatement *statement, const BcdRows *rows)
{
	Datum		args[7];

	if (rows->n == 0)
		return true;
	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = bcd_array(TEXTOID, rows->keys, NULL, rows->n);
	args[2] = bcd_array(INT8OID, rows->store_ids, NULL, rows->n);
	args[3] = bcd_array(JSONBOID, rows->payloads, rows->no_payload, rows->n);
	args[4] = bcd_array(BOOLOID, rows->written, NULL, rows->n);
	args[5] = bcd_array(BOOLOID, rows->back, NULL, rows->n);
	args[6] = bcd_reference_fields(lane->feed->resource);
	return bcd_execute(statement, args, NULL) == rows->n;
}

/*
 * Links items that are to be linked: those with a link of their own, and
 * those without, each in one statement.  Where that is not how it is (somebody
 * else has the record, or the link went meanwhile) all are done one by one, in
 * their order.
 */
static void
put_links(BcdLane *lane, BcdItem **items, int n)
{
	BcdRows		old;
	BcdRows		new;
	int			i;

	init_rows(&old, n);
	init_rows(&new, n);
	for (i = 0; i < n; i++)
		add_row(items[i]->linked ? &old : &new, items[i]);
	if (!put_rows(lane, &update_links, &old) || !put_rows(lane, &insert_links, &new))
		for (i = 0; i < n; i++)
			put_one(lane, items[i]);
}

/* Runs a statement about rows of a feed, given by their keys. */
static uint64
execute_for_keys(BcdStatement *statement, BcdLane *lane, BcdItem **items, int n)
{
	Datum	   *keys = palloc(sizeof(Datum) * n);
	Datum		args[2];
	int			i;

	for (i = 0; i < n; i++)
		keys[i] = CStringGetTextDatum(items[i]->key);
	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = bcd_array(TEXTOID, keys, NULL, n);
	return bcd_execute(statement, args, NULL);
}

static const BcdProbe any_deferred = {"pending", "pending_deferred", "waits_feed"};
static const BcdProbe any_given_up = {"pending", "pending_given_up", "waits_feed"};

/* Does any row wait for one of the lane's feed? */
static bool
is_waited_for(const BcdProbe *waiting, const BcdLane *lane)
{
	return bcd_probe(waiting, CStringGetTextDatum(lane->feed->name), NULL);
}

/* Rows that waited for these to be linked are ready. */
static void
free_waiting(BcdLane *lane, BcdItem **items, int n)
{
	if (is_waited_for(&any_deferred, lane) &&
		execute_for_keys(&free_deferred, lane, items, n) > 0)
		lane->freed = lane->run->progressed = true;
}

/* What else may become of a link */
static void
change_link(BcdLane *lane, BcdItem *item)
{
	char		nulls[] = "   ";
	Datum		args[3];

	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = CStringGetTextDatum(item->key);
	args[2] = bcd_text_or_null(lane->feed->resource->hidden_by, &nulls[2]);
	switch (item->decision.link)
	{
		case BCD_LINK_KEEP:
		case BCD_LINK_PUT:
			break;
		case BCD_LINK_FORGET:
			(void) bcd_execute(&forget_link, args, nulls);
			break;
		case BCD_LINK_HIDING:
			(void) bcd_execute(&hide_link, args, NULL);
			break;
		case BCD_LINK_ASIDE:
			args[2] = JsonbPGetDatum(item->decision.aside);
			(void) bcd_execute(&put_aside, args, NULL);
			break;
		case BCD_LINK_REMOVE:
			(void) bcd_execute(&remove_link, args, NULL);
			break;
	}
}

static void
record_links(BcdLane *lane, BcdItem **items, int n)
{
	BcdItem   **put = palloc(sizeof(BcdItem *) * n);
	int			nput = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (items[i]->decision.link == BCD_LINK_PUT)
			put[nput++] = items[i];
		else if (items[i]->decision.link != BCD_LINK_KEEP)
			change_link(lane, items[i]);
	}
	if (nput == 0)
		return;
	put_links(lane, put, nput);
	free_waiting(lane, put, nput);
}

static BcdStatement finish = {
	"DELETE FROM bcdelta.pending WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"  WHERE o.feed = $1 AND o.key = n.key AND NOT o.again LIMIT 1) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

/* What changed while it was in flight is ready, whatever came of the flight. */
static BcdStatement put_back = {
	"UPDATE bcdelta.pending SET"
	" state = CASE WHEN again THEN 'ready' ELSE $3 END,"
	" attempts = CASE WHEN again THEN 0 ELSE $4 END,"
	" next_attempt_at = CASE WHEN NOT again AND $3 = 'waiting'"
	"  THEN clock_timestamp() + $5 * interval '1 millisecond' END,"
	" last_error = CASE WHEN NOT again THEN $6 END,"
	" waits_feed = CASE WHEN NOT again THEN $7 END,"
	" waits_key = CASE WHEN NOT again THEN $8 END,"
	" sought = CASE WHEN NOT $9 THEN sought END,"
	" trouble = CASE WHEN NOT again THEN $10 END,"
	" early_at = CASE WHEN NOT again AND $10 IS NOT NULL"
	"  THEN clock_timestamp() + $11 * interval '1 millisecond' END,"
	" again = false"
	" WHERE feed = $1 AND key = $2 AND state = 'in_flight'",
	11, {TEXTOID, TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, INT8OID}
};

static void
put_pending_back(BcdLane *lane, BcdItem *item, const char *state, int attempts)
{
	const BcdDecision *d = &item->decision;
	bool		waits = d->pending != BCD_PENDING_READY;
	char		nulls[] = "           ";
	Datum		args[11];

	args[0] = CStringGetTextDatum(lane->feed->name);
	args[1] = CStringGetTextDatum(item->key);
	args[2] = CStringGetTextDatum(state);
	args[3] = Int32GetDatum(attempts);
	args[4] = Int64GetDatum(d->delay_ms);
	args[5] = bcd_text_or_null(d->error, &nulls[5]);
	args[6] = bcd_text_or_null(waits ? item->waits_feed : NULL, &nulls[6]);
	args[7] = bcd_text_or_null(waits ? item->waits_key : NULL, &nulls[7]);
	args[8] = BoolGetDatum(d->pending == BCD_PENDING_DONE);
	args[9] = bcd_text_or_null(d->trouble, &nulls[9]);
	args[10] = Int64GetDatum(d->early_ms);
	(void) bcd_execute(&put_back, args, nulls);
}

/* Rows that were given up because one of these had what they want. */
static BcdStatement free_failed = {
	"UPDATE bcdelta.pending SET state = 'ready', attempts = 0, waits_feed = NULL, waits_key = NULL,"
	" last_error = NULL"
	" WHERE ctid = ANY (ARRAY(SELECT found.tid FROM unnest($2) AS n(key)"
	"  CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.pending AS o"
	"   WHERE o.state = 'failed' AND o.waits_feed = $1 AND o.waits_key = n.key OFFSET 0) AS found))",
	2, {TEXTOID, TEXTARRAYOID}
};

/* The rows of these are not pending any more, unless they changed meanwhile. */
static void
finish_pending(BcdLane *lane, BcdItem **items, int n)
{
	int			i;

	if (execute_for_keys(&finish, lane, items, n) < n)
		for (i = 0; i < n; i++)
			put_pending_back(lane, items[i], "ready", 0);
	if (is_waited_for(&any_given_up, lane) &&
		execute_for_keys(&free_failed, lane, items, n) > 0)
		lane->freed = lane->run->progressed = true;
}

static void
record_pending(BcdLane *lane, BcdItem **items, int n)
{
	BcdItem   **done = palloc(sizeof(BcdItem *) * n);
	int			ndone = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		BcdItem    *item = items[i];

		switch (item->decision.pending)
		{
			case BCD_PENDING_KEEP:
				break;
			case BCD_PENDING_DONE:
				done[ndone++] = item;
				break;
			case BCD_PENDING_WAIT:
				put_pending_back(lane, item, "waiting", item->attempts + 1);
				break;
			case BCD_PENDING_DEFER:
				put_pending_back(lane, item, "deferred", 0);
				break;
			case BCD_PENDING_FAIL:
				/* key changes wait for one that is moving, but not for ever */
				put_pending_back(lane, item, item->moving ? "review" : "failed", item->attempts);
				break;
			case BCD_PENDING_READY:
				put_pending_back(lane, item, "ready", item->attempts);
				break;
		}
	}
	if (ndone > 0)
		finish_pending(lane, done, ndone);
}

/* Records that are gone, or about to go, are referred to by rows of other feeds. */
static void
mark_referrers(const BcdLane *lane, BcdItem **items, int n)
{
	int64	   *ids = palloc(sizeof(int64) * n);
	int			gone = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (items[i]->decision.gone_id != 0)
			ids[gone++] = items[i]->decision.gone_id;
	if (gone > 0)
		bcd_mark_referrers(lane->feed, ids, gone);
}

/* What came of the items, where there is something to tell */
static void
put_results(const BcdLane *lane, BcdItem **items, int n)
{
	BcdResult  *results = palloc(sizeof(BcdResult) * n);
	int			told = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const BcdDecision *d = &items[i]->decision;

		if (d->outcome != BCD_NO_OUTCOME)
			results[told++] = (BcdResult)
		{
			items[i]->key, items[i]->store_id, d->outcome, d->status,
				d->error, d->request_id
		};
	}
	bcd_results_insert(lane->run->run_id, lane->feed->name, results, told);
}

static void
record_lane(BcdLane *lane, BcdItem **items, int n)
{
	/* what was done in a store that is not the feed's any more is only told */
	if (!lane->lost)
	{
		record_links(lane, items, n);
		if (lane->run->kind->claims)
		{
			record_pending(lane, items, n);
			bcd_seek_record(lane, items, n);
		}
		mark_referrers(lane, items, n);
	}
	if (lane->run->kind->results)
		put_results(lane, items, n);
}

/*
 * Writes the decisions on items, in a transaction of the caller.  May be
 * repeated.
 */
void
bcd_items_record(BcdItem **items, int n)
{
	BcdItem   **same = palloc(sizeof(BcdItem *) * n);
	BcdItem   **rest = palloc(sizeof(BcdItem *) * n);

	/* feed by feed */
	while (n > 0)
	{
		BcdLane    *lane = items[0]->lane;
		int			nsame = 0;
		int			nrest = 0;
		int			i;

		for (i = 0; i < n; i++)
		{
			if (items[i]->lane == lane)
				same[nsame++] = items[i];
			else
				rest[nrest++] = items[i];
		}
		record_lane(lane, same, nsame);
		items = rest;
		n = nrest;
	}
}
