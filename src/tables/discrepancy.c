/*
 * discrepancy.c
 *		bcdelta.discrepancy: differences found by a run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/discrepancy.h"

static BcdStatement insert_discrepancy = {
	"INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, address, kind, facet, field, source_value, store_value,"
	" pushed_value, natural_key, row_state)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($11, nullif($4, 0)::text), $5, $6, $7, $8, $9, $10, $12, $13)",
	13, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/* Records a difference. */
void
bcd_discrepancy_insert(int64 run_id, const char *feed, const BcdDiscrepancy *d)
{
	Datum		args[13];
	char		nulls[] = "             ";

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
	(void) bcd_execute(&insert_discrepancy, args, nulls);
}

static BcdStatement select_feeds = {
	"SELECT DISTINCT feed FROM bcdelta.discrepancy WHERE run_id = $1 AND key IS NOT NULL ORDER BY feed",
	1, {INT8OID}
};

/*
 * Returns the feeds with rows in which a run found differences, in the current
 * memory context.
 */
List *
bcd_discrepancy_feeds(int64 run_id)
{
	Datum		arg = Int64GetDatum(run_id);

	return bcd_column_list(bcd_select(&select_feeds, &arg, NULL), 1);
}

static BcdStatement select_keys = {
	"SELECT DISTINCT key FROM bcdelta.discrepancy WHERE run_id = $1 AND feed = $2 AND key IS NOT NULL ORDER BY key",
	2, {INT8OID, TEXTOID}
};

/* Returns the keys of these rows, likewise. */
List *
bcd_discrepancy_keys(int64 run_id, const char *feed)
{
	Datum		args[] = {Int64GetDatum(run_id), CStringGetTextDatum(feed)};

	return bcd_column_list(bcd_select(&select_keys, args, NULL), 1);
}
