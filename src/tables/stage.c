/*
 * stage.c
 *		bcdelta.stage: the stage of the cutover that a store is in.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/stage.h"

static BcdStatement set_stage = {
	"INSERT INTO bcdelta.stage AS s (server, stage, by_role, note) VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (server) DO UPDATE SET stage = excluded.stage, by_role = excluded.by_role, note = excluded.note,"
	" since = CASE WHEN s.stage = excluded.stage THEN s.since ELSE excluded.since END",
	4, {NAMEOID, TEXTOID, TEXTOID, TEXTOID}
};

static BcdStatement end_stage = {
	"DELETE FROM bcdelta.stage WHERE server = $1", 1, {NAMEOID}
};

/* Sets the stage of a store; NULL: it is in none. */
void
bcd_stage_set(const char *server, const char *stage, const char *by, const char *note)
{
	char		nulls[] = "    ";
	Datum		args[4];

	args[0] = bcd_name_datum(server);
	args[1] = bcd_text_or_null(stage, &nulls[1]);
	args[2] = bcd_text_or_null(by, &nulls[2]);
	args[3] = bcd_text_or_null(note, &nulls[3]);
	(void) bcd_execute(stage ? &set_stage : &end_stage, args, nulls);
}

static BcdStatement select_any = {
	"SELECT FROM bcdelta.stage WHERE stage = 'freeze' LIMIT 1", 0
};

/* Is the source of any store not to be changed any more? */
bool
bcd_stage_any_freeze(void)
{
	return bcd_select(&select_any, NULL, NULL) > 0;
}

static BcdStatement select_frozen = {
	"SELECT f.feed_id::int8 FROM bcdelta.stage AS s JOIN bcdelta.feed AS f ON f.server = s.server WHERE s.stage = 'freeze'", 0
};

/* Returns the ids of the feeds whose source is not to be changed any more. */
List *
bcd_stage_frozen_feeds(void)
{
	uint64		n = bcd_select(&select_frozen, NULL, NULL);
	List	   *ids = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
		ids = lappend_int(ids, (int) bcd_column_int64(i, 1, NULL));
	return ids;
}

static BcdStatement stage_now = {
	"SELECT stage FROM bcdelta.stage WHERE server = $1",
	1, {NAMEOID}
};

/* Returns the stage that a store is in, or NULL. */
char *
bcd_stage_now(const char *server)
{
	Datum		arg = bcd_name_datum(server);

	return bcd_select(&stage_now, &arg, NULL) > 0 ? bcd_column_text(0, 1) : NULL;
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.stage WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.stage SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the stage of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_stage_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
