/*
 * signature.c
 *		bcdelta.signature: what people have answered to criteria of a go-live.
 *
 * An answer is given for the plan that there is, or for the next one, and ends
 * with it: nobody has looked at anything for the plan after that.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/signature.h"

static BcdStatement select_signatures = {
	"SELECT s.criterion, s.verdict, s.by_role, pg_catalog.date_trunc('second', s.at)::text, s.note, s.met,"
	" CASE WHEN s.plan_id IS NOT NULL AND NOT EXISTS (SELECT FROM bcdelta.cutover AS c"
	"   WHERE c.plan_id = s.plan_id AND c.state IN ('planned', 'live')) THEN 'the plan that it was given for is over'"
	"  WHEN s.until <= pg_catalog.now() THEN 'it ended at ' || pg_catalog.date_trunc('second', s.until) END, s.lapsed"
	" FROM bcdelta.signature AS s WHERE s.server = $1",
	1, {NAMEOID}
};

static List *
texts_of(Datum array)
{
	Datum	   *elements;
	List	   *texts = NIL;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (i = 0; i < n; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

/* Returns the answers for a store as BcdSignature structs, in the current memory context. */
List *
bcd_signatures_of(const char *server)
{
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_select(&select_signatures, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdSignature *s = palloc0(sizeof(BcdSignature));
		bool		isnull;
		Datum		met = bcd_column_datum(i, 6, &isnull);

		s->criterion = bcd_column_text(i, 1);
		s->verdict = bcd_column_text(i, 2);
		s->by = bcd_column_text(i, 3);
		s->at = bcd_column_text(i, 4);
		s->note = bcd_column_text(i, 5);
		s->met = isnull ? NIL : texts_of(met);
		s->ended = bcd_column_text(i, 7);
		s->lapsed = bcd_column_text(i, 8);
		list = lappend(list, s);
	}
	return list;
}

static BcdStatement upsert_signature = {
	"INSERT INTO bcdelta.signature AS s (server, criterion, verdict, by_role, note, until, met, plan_id)"
	" SELECT $1, $2, $3, $4, $5, $6, $7,"
	"  (SELECT c.plan_id FROM bcdelta.cutover AS c WHERE c.server = $1 AND c.state IN ('planned', 'live'))"
	" ON CONFLICT (server, criterion) DO UPDATE SET verdict = excluded.verdict, by_role = excluded.by_role, at = excluded.at,"
	" note = excluded.note, until = excluded.until, met = excluded.met, plan_id = excluded.plan_id, lapsed = NULL",
	7, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID}
};

/* Writes an answer in place of the last one. */
void
bcd_signature_put(const char *server, const BcdSignature *signature)
{
	char		nulls[] = "       ";
	Datum		args[7];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(signature->criterion);
	args[2] = CStringGetTextDatum(signature->verdict);
	args[3] = CStringGetTextDatum(signature->by);
	args[4] = bcd_text_or_null(signature->note, &nulls[4]);
	args[5] = TimestampTzGetDatum(signature->until);
	nulls[5] = signature->until ? ' ' : 'n';
	args[6] = bcd_text_array(signature->met);
	(void) bcd_execute(&upsert_signature, args, nulls);
}

static BcdStatement lapse = {
	"UPDATE bcdelta.signature SET lapsed = $3 WHERE server = $1 AND criterion = $2 AND lapsed IS NULL", 3, {NAMEOID, TEXTOID, TEXTOID}
};

/* An answer does not count any more, whatever is measured from now on; worse: what has got worse, in words. */
void
bcd_signature_lapsed(const char *server, const char *criterion, const char *worse)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(criterion), CStringGetTextDatum(worse)};

	(void) bcd_execute(&lapse, args, NULL);
}

static BcdStatement delete_signature = {
	"DELETE FROM bcdelta.signature WHERE server = $1 AND criterion = $2", 2, {NAMEOID, TEXTOID}
};

/* Forgets an answer; returns false if there is none. */
bool
bcd_signature_remove(const char *server, const char *criterion)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(criterion)};

	return bcd_execute(&delete_signature, args, NULL) > 0;
}

static BcdStatement delete_signatures = {
	"DELETE FROM bcdelta.signature WHERE server = $1", 1, {NAMEOID}
};

void
bcd_signatures_remove(const char *server)
{
	Datum		arg = bcd_name_datum(server);

	(void) bcd_execute(&delete_signatures, &arg, NULL);
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.signature WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.signature SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the answers of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_signatures_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
