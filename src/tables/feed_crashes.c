/*
 * feed_crashes.c
 *		How often the worker was brought down by the code of a feed.
 *
 * mapping_guard.c detects the crashes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/feed_crashes.h"

/* The time limit guards against code that fails only now and then */
static BcdStatement forget_crashes = {
	"UPDATE bcdelta.feed SET crashes = 0, crashed_at = NULL WHERE feed_id = ANY ($1) AND crashes > 0"
	" AND crashed_at < now() - interval '1 hour'",
	1, {INT4ARRAYOID}
};

/*
 * A run went through all rows of these feeds (int4[]): their code is safe to
 * run.
 */
void
bcd_feeds_went_well(Datum feed_ids)
{
	(void) bcd_execute(&forget_crashes, &feed_ids, NULL);
}

static BcdStatement exists = {
	"SELECT FROM bcdelta.feed WHERE feed_id = $1", 1, {INT4OID}
};
static BcdStatement lock = {
	"SELECT FROM bcdelta.feed WHERE feed_id = $1 FOR NO KEY UPDATE SKIP LOCKED", 1, {INT4OID}
};

/*
 * Returns whether another session has the feed's row locked; if not, we lock
 * it.
 */
bool
bcd_feed_is_locked(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	return bcd_execute(&lock, &arg, NULL) == 0 && bcd_execute(&exists, &arg, NULL) > 0;
}

static BcdStatement count_crash = {
	"UPDATE bcdelta.feed SET crashes = crashes + 1, crashed_at = clock_timestamp()"
	" WHERE feed_id = $1 AND feed = $2 RETURNING crashes::int8",
	2, {INT4OID, TEXTOID}
};

/*
 * Counts a crash that a feed's code caused; returns the count, or 0 if there
 * is no such feed.
 */
int64
bcd_feed_crashed(int32 feed_id, const char *feed)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = CStringGetTextDatum(feed);
	return bcd_execute(&count_crash, args, NULL) == 0 ? 0 : bcd_column_int64(0, 1, NULL);
}
