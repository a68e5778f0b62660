/*
 * feed_owner.c
 *		To whom feeds belong after REASSIGN OWNED, and their server after it is renamed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/feed_owner.h"

static BcdStatement reassign = {
	"UPDATE bcdelta.feed SET owner = $2 WHERE owner = $1", 2, {OIDOID, OIDOID}
};

/* Gives the feeds of one role to another; returns their number. */
int64
bcd_feeds_reassign(Oid from, Oid to)
{
	Datum		args[] = {ObjectIdGetDatum(from), ObjectIdGetDatum(to)};

	return (int64) bcd_execute(&reassign, args, NULL);
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.feed SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the feeds of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_feeds_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}

static BcdStatement select_owned_since = {
	"SELECT max(f.tracked_at) FROM bcdelta.feed AS f WHERE f.feed = ANY ($1) AND EXISTS (SELECT FROM bcdelta.journal AS j"
	" WHERE j.feed = f.feed AND j.key IS NULL AND j.what IN ('track', 'untrack') AND j.detail ->> 'owner' IS DISTINCT FROM f.owner::text)",
	1, {TEXTARRAYOID}
};

/*
 * Returns since when all of these feeds, a list of names, have belonged to
 * their owners, as far as other roles had feeds of the same names before; if
 * none had, DT_NOBEGIN.  Results and the like outlive their feeds, and are
 * nothing to whoever tracks another feed of that name.
 */
TimestampTz
bcd_feeds_owned_since(List *feeds)
{
	Datum		arg = bcd_text_array(feeds);

	(void) bcd_query_as_seen(&select_owned_since, &arg, NULL, 0);
	return bcd_column_time(0, 1);
}
