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
	"INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, address, kind, facet, field, source_value, store_value, pushed_value)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($11, nullif($4, 0)::text), $5, $6, $7, $8, $9, $10)",
	11, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Records a difference; 0 and NULL mean that a value is not given. Without an
 * address, it is the id.
 */
void
bcd_discrepancy_insert_at(int64 run_id, const char *feed, const char *key, int64 store_id,
						  const char *address, const char *kind, const char *facet, const char *field,
						  const char *source_value, const char *store_value, const char *pushed_value)
{
	Datum		args[11];
	char		nulls[] = "           ";

	args[0] = Int64GetDatum(run_id);
	args[1] = CStringGetTextDatum(feed);
	args[2] = bcd_text_or_null(key, &nulls[2]);
	args[3] = Int64GetDatum(store_id);
	args[4] = CStringGetTextDatum(kind);
	args[5] = bcd_text_or_null(facet, &nulls[5]);
	args[6] = bcd_text_or_null(field, &nulls[6]);
	args[7] = bcd_text_or_null(source_value, &nulls[7]);
	args[8] = bcd_text_or_null(store_value, &nulls[8]);
	args[9] = bcd_text_or_null(pushed_value, &nulls[9]);
	args[10] = bcd_text_or_null(address, &nulls[10]);
	(void) bcd_execute(&insert_discrepancy, args, nulls);
}

/* The same for a record with an id */
void
bcd_discrepancy_insert(int64 run_id, const char *feed, const char *key, int64 store_id,
					   const char *kind, const char *facet, const char *field, const char *source_value,
					   const char *store_value, const char *pushed_value)
{
	bcd_discrepancy_insert_at(run_id, feed, key, store_id, NULL, kind, facet, field, source_value,
							  store_value, pushed_value);
}
