/*
 * rollback_field.c
 *		bcdelta.rollback_field: what a rollback found and decided.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/rollback_field.h"
#include "tables/run.h"

/* What was found before, when the record was read for the first time, is replaced. */
static BcdStatement replace = {
	"WITH gone AS (DELETE FROM bcdelta.rollback_field WHERE run_id = $1 AND feed = $2 AND key = $3 AND field IS NOT DISTINCT FROM $6)"
	" INSERT INTO bcdelta.rollback_field (run_id, feed, key, store_id, address, field, now, becomes, verdict, reason)"
	" VALUES ($1, $2, $3, nullif($4, 0), coalesce($5, nullif($4, 0)::text), $6, $7, $8, $9, $10)",
	10, {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID}
};

/* Records what a rollback found and decided for a field; feed NULL: for all of it. */
void
bcd_rollback_field_insert(int64 run_id, const char *feed, const BcdRollbackField *f)
{
	Datum		args[10];
	char		nulls[] = "          ";

	args[0] = Int64GetDatum(run_id);
	args[1] = bcd_text_or_null(feed, &nulls[1]);
	args[2] = bcd_text_or_null(f->key, &nulls[2]);
	args[3] = Int64GetDatum(f->store_id);
	args[4] = bcd_text_or_null(f->address, &nulls[4]);
	args[5] = bcd_text_or_null(f->field, &nulls[5]);
	args[6] = bcd_jsonb_or_null(f->now, &nulls[6]);
	args[7] = bcd_jsonb_or_null(f->becomes, &nulls[7]);
	args[8] = CStringGetTextDatum(f->verdict);
	args[9] = bcd_text_or_null(f->reason, &nulls[9]);
	(void) bcd_select(&replace, args, nulls);
}

static BcdStatement select_fields = {
	"SELECT feed, key, store_id, field, now, becomes, verdict, reason FROM bcdelta.rollback_field WHERE run_id = $1"
	" ORDER BY verdict <> 'total', feed NULLS FIRST, key, field NULLS FIRST LIMIT $2",
	2, {INT8OID, INT4OID}
};

/* Reads up to limit rows of a rollback, which has just written them. */
void
bcd_rollback_fields(int64 run_id, int limit, BcdRollbackReader reader, void *arg)
{
	Datum		args[] = {Int64GetDatum(run_id), Int32GetDatum(limit)};
	uint64		n = bcd_query_newest(&select_fields, args, NULL, limit);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		Datum		values[BCD_ROLLBACK_COLUMNS];
		bool		nulls[BCD_ROLLBACK_COLUMNS];
		int			j;

		for (j = 0; j < BCD_ROLLBACK_COLUMNS; j++)
			values[j] = bcd_column_datum(i, j + 1, &nulls[j]);
		reader(values, nulls, arg);
	}
}

static BcdStatement select_written = {
	"SELECT w.feed, w.fields, count(*) FROM ("
	" SELECT feed, key, address, array_agg(coalesce(field, CASE WHEN becomes IS NULL THEN '-' ELSE '+' END) ORDER BY field)::name[] AS fields"
	" FROM bcdelta.rollback_field WHERE run_id = $1 AND (verdict IN ('undone', 'forced') OR (verdict = 'edited' AND becomes IS NOT NULL))"
	" GROUP BY feed, key, address) AS w GROUP BY 1, 2",
	1, {INT8OID}
};

/*
 * Returns what a rollback writes, by the fields of a record that it sets, as
 * BcdRollbackWrites structs.
 */
List *
bcd_rollback_fields_written(int64 run_id)
{
	Datum		arg = Int64GetDatum(run_id);
	uint64		n = bcd_select(&select_written, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdRollbackWrites *w = palloc(sizeof(BcdRollbackWrites));
		bool		isnull;

		w->feed = bcd_column_text(i, 1);
		w->fields = bcd_name_list(bcd_column_datum(i, 2, &isnull));
		w->records = bcd_column_int64(i, 3, NULL);
		list = lappend(list, w);
	}
	return list;
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.rollback_field WHERE ctid = ANY (ARRAY("
	" SELECT f.ctid FROM (" BCD_ENDED_RUNS("SELECT min(run_id) FROM bcdelta.rollback_field") ") AS u"
	" CROSS JOIN LATERAL (SELECT o.ctid FROM bcdelta.rollback_field AS o WHERE o.run_id = u.run_id OFFSET 0) AS f LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/* Removes up to limit rows of rollbacks that ended at least this many days ago. */
int64
bcd_rollback_fields_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_select(&prune, args, NULL);
}
