/*
 * criterion.c
 *		bcdelta.criterion: what people want to know before a store goes live;
 *		and the view go_live_fact, what bcdelta measures.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/criterion.h"

static BcdStatement select_fact = {
	"SELECT f.met, f.found, f.unknown, f.next_step FROM bcdelta.go_live_fact AS f WHERE f.server = $1 AND f.criterion = $2",
	2, {NAMEOID, TEXTOID}
};

/*
 * Measures a criterion now; results are in the current memory context. Returns
 * false if it is none that is measured.
 */
bool
bcd_fact_read(const char *server, const char *criterion, BcdFact *fact)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(criterion)};
	bool		isnull;

	if (bcd_select(&select_fact, args, NULL) != 1)
		return false;
	(void) bcd_column_datum(0, 1, &isnull);
	fact->known = !isnull;
	fact->met = bcd_column_bool(0, 1);
	fact->found = bcd_column_text(0, 2);
	fact->unknown = bcd_column_text(0, 3);
	fact->next_step = bcd_column_text(0, 4);
	return true;
}

static BcdStatement select_criteria = {
	"SELECT c.criterion, c.question, c.query, c.severity, c.owner::oid::int8 FROM bcdelta.criterion AS c"
	" WHERE c.server = $1 ORDER BY c.made_at, c.criterion",
	1, {NAMEOID}
};

/*
 * Returns what people have added for a store as BcdOwnCriterion structs, in the
 * current memory context.
 */
List *
bcd_criteria_of(const char *server)
{
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_select(&select_criteria, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdOwnCriterion *c = palloc0(sizeof(BcdOwnCriterion));

		c->name = bcd_column_text(i, 1);
		c->question = bcd_column_text(i, 2);
		c->query = bcd_column_text(i, 3);
		c->severity = bcd_column_text(i, 4);
		c->owner = (Oid) bcd_column_int64(i, 5, NULL);
		list = lappend(list, c);
	}
	return list;
}

static BcdStatement upsert_criterion = {
	"INSERT INTO bcdelta.criterion AS c (server, criterion, question, query, severity, owner) VALUES ($1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (server, criterion) DO UPDATE SET question = excluded.question, query = excluded.query,"
	" severity = excluded.severity, owner = excluded.owner",
	6, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, OIDOID}
};

/* Adds a criterion, or replaces it. */
void
bcd_criterion_put(const char *server, const BcdOwnCriterion *criterion)
{
	char		nulls[] = "      ";
	Datum		args[6];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(criterion->name);
	args[2] = bcd_text_or_null(criterion->question, &nulls[2]);
	args[3] = bcd_text_or_null(criterion->query, &nulls[3]);
	args[4] = CStringGetTextDatum(criterion->severity);
	args[5] = ObjectIdGetDatum(criterion->owner);
	(void) bcd_execute(&upsert_criterion, args, nulls);
}

static BcdStatement delete_criterion = {
	"DELETE FROM bcdelta.criterion WHERE server = $1 AND criterion = $2", 2, {NAMEOID, TEXTOID}
};

/* Removes a criterion; returns false if there is none. */
bool
bcd_criterion_remove(const char *server, const char *name)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(name)};

	return bcd_execute(&delete_criterion, args, NULL) > 0;
}

static BcdStatement reassign = {
	"UPDATE bcdelta.criterion SET owner = $2 WHERE owner = $1", 2, {OIDOID, OIDOID}
};

/* Gives the criteria of one role to another; returns their number. */
int64
bcd_criteria_reassign(Oid from, Oid to)
{
	Datum		args[] = {ObjectIdGetDatum(from), ObjectIdGetDatum(to)};

	return (int64) bcd_execute(&reassign, args, NULL);
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.criterion WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.criterion SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the criteria of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_criteria_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
