/*
 * discrepancy.c
 *		bcdelta.discrepancy: differences found by a run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "base/db.h"
#include "tables/discrepancy.h"
#include "tables/run.h"

static BcdStatement insert_discrepancy = {
	"INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, address, kind, facet, field, source_value, store_value,"
	" pushed_value, natural_key, row_state, store_modified, decided)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($11, nullif($4, 0)::text), $5, $6, $7, $8, $9, $10, $12, $13, $14::timestamptz, $15)",
	15, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/* Records a difference. */
void
bcd_discrepancy_insert(int64 run_id, const char *feed, const BcdDiscrepancy *d)
{
	Datum		args[15];
	char		nulls[] = "               ";

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	args[2] = bcd_text_or_null(d->key, &nulls[2]);
	args[3] = Int64GetDatum(d->store_id);
	args[4] = CStringGetTextDatum(d->kind);
	args[5] = bcd_text_or_null(d->facet, &nulls[5]);
	args[6] = bcd_text_or_null(d->field, &nulls[6]);
	args[7] = bcd_text_or_null(d->source_value, &nulls[7]);
	args[8] = bcd_text_or_null(d->store_value, &nulls[8]);
	args[9] = bcd_text_or_null(d->pushed_value, &nulls[9]);
	args[10] = bcd_text_or_null(d->address, &nulls[10]);
	args[11] = bcd_text_or_null(d->natural_key, &nulls[11]);
	args[12] = bcd_text_or_null(d->row_state, &nulls[12]);
	args[13] = bcd_text_or_null(d->store_modified, &nulls[13]);
	args[14] = bcd_text_or_null(d->decided, &nulls[14]);
	(void) bcd_execute(&insert_discrepancy, args, nulls);
}

static BcdStatement select_feeds = {
	"SELECT DISTINCT feed FROM bcdelta.discrepancy WHERE run_id = $1 AND key IS NOT NULL AND ($2 OR decided IS NULL) ORDER BY feed",
	2, {INT8OID, BOOLOID}
};

/*
 * Returns the feeds with rows in which a run found differences, in the current
 * memory context.  decided: also those that somebody has decided to leave.
 */
List *
bcd_discrepancy_feeds(int64 run_id, bool decided)
{
	Datum		args[] = {Int64GetDatum(run_id), BoolGetDatum(decided)};

	return bcd_column_list(bcd_select(&select_feeds, args, NULL), 1);
}

static BcdStatement select_by_field = {
	"SELECT array_agg(d ORDER BY d.feed, d.key, d.field) FROM bcdelta.discrepancy AS d"
	" WHERE d.run_id = $1 AND d.kind = 'different' AND d.key IS NOT NULL AND d.field IS NOT NULL",
	1, {INT8OID}
};

/*
 * Returns the fields that differ between rows and their records as an array of
 * our rows, and its type, in the current memory context; 0: there are none.
 */
Datum
bcd_discrepancies_by_field(int64 run_id, Oid *type)
{
	Datum		arg = Int64GetDatum(run_id);
	bool		isnull;
	Datum		rows;

	(void) bcd_select(&select_by_field, &arg, NULL);
	rows = bcd_column_datum(0, 1, &isnull);
	*type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	return isnull ? (Datum) 0 : datumCopy(rows, false, -1);
}

static BcdStatement select_keys = {
	"SELECT DISTINCT key FROM bcdelta.discrepancy WHERE run_id = $1 AND feed = $2 AND key IS NOT NULL AND decided IS NULL ORDER BY key",
	2, {INT8OID, TEXTOID}
};

/* Returns the keys of these rows, likewise. */
List *
bcd_discrepancy_keys(int64 run_id, const char *feed)
{
	Datum		args[] = {Int64GetDatum(run_id), CStringGetTextDatum(feed)};

	return bcd_column_list(bcd_select(&select_keys, args, NULL), 1);
}

static BcdStatement select_in_doubt = {
	"SELECT key FROM bcdelta.discrepancy WHERE run_id = $1 AND feed = $2 AND key IS NOT NULL"
	" UNION SELECT key FROM bcdelta.pending WHERE feed = $2 AND state IN ('failed', 'review')"
	" UNION SELECT key FROM bcdelta.link WHERE feed = $2 AND payload IS NULL"
	" UNION SELECT key FROM bcdelta.result WHERE run_id > $1 AND feed = $2 AND outcome = 'unchanged' AND error IS NOT NULL",
	2, {INT8OID, TEXTOID}
};

/*
 * Returns the rows of a feed that may differ: those that differed in a verify,
 * those that could not be pushed, those whose records have unknown contents, and
 * those that were found to be gone since, but whose records stay; likewise.
 */
List *
bcd_discrepancy_in_doubt(int64 run_id, const char *feed)
{
	Datum		args[] = {Int64GetDatum(run_id), CStringGetTextDatum(feed)};

	return bcd_column_list(bcd_select(&select_in_doubt, args, NULL), 1);
}

/* Records that belong to no row, and still do not */
#define STRANGERS \
	" FROM bcdelta.discrepancy AS d JOIN bcdelta.feed AS f USING (feed)" \
	" WHERE d.run_id = $1 AND f.server = $2 AND f.resource = $3 AND d.key IS NULL AND d.store_id IS NOT NULL" \
	" AND NOT EXISTS (SELECT FROM bcdelta.link AS l JOIN bcdelta.feed AS o USING (feed)" \
	"  WHERE o.server = $2 AND o.resource = $3 AND l.address = d.store_id::text)"

static BcdStatement select_strangers = {
	"SELECT array_agg(DISTINCT d.store_id ORDER BY d.store_id)" STRANGERS,
	3, {INT8OID, NAMEOID, TEXTOID}
};

/* Returns the ids of such records that a verify has found, sorted. */
int64 *
bcd_discrepancy_strangers(int64 run_id, const char *server, const char *resource, int *n)
{
	Datum		args[] = {Int64GetDatum(run_id), bcd_name_datum(server), CStringGetTextDatum(resource)};

	(void) bcd_select(&select_strangers, args, NULL);
	return bcd_column_ids(1, n);
}

static BcdStatement copy_strangers = {
	"INSERT INTO bcdelta.discrepancy (run_id, feed, store_id, address, kind, facet, field, source_value, store_value, natural_key,"
	" store_modified)"
	" SELECT $4, d.feed, d.store_id, d.address, d.kind, d.facet, d.field, d.source_value, d.store_value, d.natural_key, d.store_modified"
	STRANGERS " AND d.store_id <> ALL ($5)",
	5, {INT8OID, NAMEOID, TEXTOID, INT8OID, INT8ARRAYOID}
};

/*
 * The verify "to" has not looked at these records again, except for those in
 * "but": reports the rest as the verify "from" did.  Returns their number.
 */
int64
bcd_discrepancy_copy_strangers(int64 from, int64 to, const char *server, const char *resource,
							   const int64 *but, int nbut)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(nbut, 1));
	Datum		args[5];
	int			i;

	for (i = 0; i < nbut; i++)
		ids[i] = Int64GetDatum(but[i]);
	args[0] = Int64GetDatum(from);
	args[1] = bcd_name_datum(server);
	args[2] = CStringGetTextDatum(resource);
	args[3] = Int64GetDatum(to);
	args[4] = bcd_array(INT8OID, ids, NULL, nbut);
	return bcd_execute(&copy_strangers, args, NULL);
}

static BcdStatement delete_run = {
	"DELETE FROM bcdelta.discrepancy WHERE run_id = $1", 1, {INT8OID}
};

/* A run starts over: what it had found before does not count. */
void
bcd_discrepancies_forget(int64 run_id)
{
	Datum		arg = Int64GetDatum(run_id);

	(void) bcd_execute(&delete_run, &arg, NULL);
}

/* The next verify of mode changed starts from what the last proof has found */
static BcdStatement prune = {
	"DELETE FROM bcdelta.discrepancy WHERE ctid = ANY (ARRAY("
	" SELECT d.ctid FROM (" BCD_ENDED_RUNS("SELECT min(run_id) FROM bcdelta.discrepancy")
	"  AND run_id <> ALL (ARRAY(SELECT p.run_id FROM bcdelta.proven AS p))) AS u"
	" CROSS JOIN LATERAL (SELECT o.ctid FROM bcdelta.discrepancy AS o WHERE o.run_id = u.run_id OFFSET 0) AS d LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/*
 * Removes up to limit differences that were found by runs that ended at least
 * this many days ago.
 */
int64
bcd_discrepancies_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_execute(&prune, args, NULL);
}
