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
