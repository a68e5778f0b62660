/*
 * change.c
 *		bcdelta.change, as preview() reads it.
 *
 * Reads use the caller's snapshot, because the worker may fold changes and
 * move links at the same time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/change.h"

static BcdStatement any_changed = {
	"SELECT FROM bcdelta.change WHERE feed_id = $1 AND op = 'a' LIMIT 1", 1, {INT4OID}
};

/* Returns whether any row of the feed may have changed. */
bool
bcd_change_of_any_row(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	return bcd_query_as_seen(&any_changed, &arg, NULL, 1) > 0;
}

static BcdStatement select_move = {
	"SELECT moved_from, move_id FROM ("
	" SELECT moved_from, move_id FROM bcdelta.change WHERE feed_id = $1 AND op = 'm' AND key = $2"
	" UNION ALL SELECT moved_from, move_id FROM bcdelta.move WHERE feed_id = $1 AND key = $2) AS m"
	" WHERE move_id < $3 ORDER BY move_id DESC LIMIT 1",
	3, {INT4OID, TEXTOID, INT8OID}
};

/*
 * Returns the key that a row had before its most recent key change with a
 * number below *before, and sets *before to the number of that change. Returns
 * NULL if there is no such change.
 */
char *
bcd_change_moved_from(int32 feed_id, const char *key, int64 *before)
{
	Datum		args[3];

	args[0] = Int32GetDatum(feed_id);
	args[1] = CStringGetTextDatum(key);
	args[2] = Int64GetDatum(*before);
	if (bcd_query_as_seen(&select_move, args, NULL, 1) == 0)
		return NULL;
	*before = bcd_column_int64(0, 2, NULL);
	return bcd_column_text(0, 1);
}
