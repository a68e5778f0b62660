/*
 * link_doubt.c
 *		bcdelta.link: adjustments whose outcome is not known.
 *
 * Such an adjustment is noted before it is sent, with the time, and the note is
 * removed when its outcome is recorded.  Whatever happens in between, nobody
 * takes an adjustment that may have been carried out for one that was not.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link_doubt.h"

/* Rows are found one by one; see pending_settle.c. */
#define FOUND(arrays, columns) \
	" FROM (SELECT o.tid, n.* FROM unnest(" arrays ") AS n(" columns ") CROSS JOIN LATERAL (" \
	"  SELECT l.ctid AS tid FROM bcdelta.link AS l WHERE l.feed = $1 AND l.key = n.key LIMIT 1) AS o) AS f" \
	" WHERE link.ctid = f.tid"

static BcdStatement put_doubts = {
	"UPDATE bcdelta.link SET doubt = f.doubt || jsonb_build_object('at', clock_timestamp())"
	FOUND("$2, $3", "key, doubt"),
	3, {TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};

/*
 * Notes for rows of a feed (text[]) what is about to be sent (jsonb[]); returns
 * how many of them have a link.
 */
uint64
bcd_links_doubt(const char *feed, Datum keys, Datum doubts)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys, doubts};

	return bcd_execute(&put_doubts, args, NULL);
}

static BcdStatement remove_doubts = {
	"UPDATE bcdelta.link SET doubt = NULL" FOUND("$2", "key"),
	2, {TEXTOID, TEXTARRAYOID}
};

/* What was noted for these rows of a feed (text[]) was not carried out. */
void
bcd_links_trust(const char *feed, Datum keys)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys};

	(void) bcd_execute(&remove_doubts, args, NULL);
}

static BcdStatement settle = {
	"UPDATE bcdelta.link SET doubt = NULL,"
	" payload = coalesce(payload, '{}') || jsonb_build_object(doubt ->> 'field', doubt -> CASE WHEN $3 THEN 'to' ELSE 'from' END)"
	" WHERE feed = $1 AND ($2 IS NULL OR key = $2) AND doubt IS NOT NULL"
	" AND NOT EXISTS (SELECT FROM bcdelta.pending AS p WHERE p.feed = $1 AND p.key = link.key AND p.state = 'in_flight')"
	" RETURNING key",
	3, {TEXTOID, TEXTOID, BOOLOID}
};

/*
 * Records whether what was noted for a row, or with key NULL for all rows of a
 * feed, was carried out.  Returns the keys of these rows; not of rows in flight,
 * whose outcome may still come.
 */
List *
bcd_links_settle(const char *feed, const char *key, bool done)
{
	char		nulls[] = "   ";
	Datum		args[3];

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(key, &nulls[1]);
	args[2] = BoolGetDatum(done);
	return bcd_column_list(bcd_select(&settle, args, nulls), 1);
}
