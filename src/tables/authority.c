/*
 * authority.c
 *		bcdelta.authority: who owns what at which stage of the cutover.
 *
 * What applies is computed by the view bcdelta.authority_now, which people
 * read, too.  Statements on feeds and adjustments ask it, so what is printed is
 * what is done.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/authority.h"

static BcdStatement delete_rule = {
	"DELETE FROM bcdelta.authority WHERE server = $1 AND stage = $2 AND resource = $3 AND field IS NOT DISTINCT FROM $4",
	4, {NAMEOID, TEXTOID, TEXTOID, TEXTOID}
};

static BcdStatement insert_rule = {
	"INSERT INTO bcdelta.authority (server, stage, resource, field, owner, note, by_role, set_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.now())",
	7, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Sets a rule of a store; owner NULL: what comes with bcdelta applies again.
 * Returns whether there was a rule before.
 */
bool
bcd_authority_set(const char *server, const char *stage, const char *resource, const char *field,
				  const char *owner, const char *by, const char *note)
{
	char		nulls[] = "       ";
	Datum		args[7];
	bool		existed;

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(stage);
	args[2] = CStringGetTextDatum(resource);
	args[3] = bcd_text_or_null(field, &nulls[3]);
	args[4] = bcd_text_or_null(owner, &nulls[4]);
	args[5] = bcd_text_or_null(note, &nulls[5]);
	args[6] = bcd_text_or_null(by, &nulls[6]);
	existed = bcd_execute(&delete_rule, args, nulls) > 0;
	if (owner)
		(void) bcd_execute(&insert_rule, args, nulls);
	return existed;
}

static BcdStatement select_whole = {
	"SELECT owner FROM bcdelta.authority WHERE (server = $1 OR server IS NULL) AND stage = $2 AND resource = $3 AND field IS NULL"
	" ORDER BY server IS NULL LIMIT 1",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/* Returns who owns the records of a resource at a stage, or NULL. */
char *
bcd_authority_of(const char *server, const char *stage, const char *resource)
{
	Datum		args[] = {bcd_name_datum(server), CStringGetTextDatum(stage), CStringGetTextDatum(resource)};

	return bcd_select(&select_whole, args, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.authority WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.authority SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the rules of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_authority_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
