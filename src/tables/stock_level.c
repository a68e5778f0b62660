/*
 * stock_level.c
 *		bcdelta.stock_level: quantities of which the store is sent differences.
 *
 * A row begins with the quantity that was last set, adds up the differences
 * that the store has surely taken since, and has the level that the store was
 * last seen with.  If a quantity was set in between, the sum is not what the
 * link has, and the row begins anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/stock_level.h"

/* Is the row's sum what the store had been sent before this? */
#define GOES_ON "s.first + s.adjusted = excluded.first"

#define ADD \
	" ON CONFLICT (feed, key) DO UPDATE SET" \
	" first = CASE WHEN " GOES_ON " THEN s.first ELSE excluded.first END," \
	" since = CASE WHEN " GOES_ON " THEN s.since ELSE excluded.since END," \
	" adjusted = excluded.adjusted + CASE WHEN " GOES_ON " THEN s.adjusted ELSE 0 END," \
	" adjustments = excluded.adjustments + CASE WHEN " GOES_ON " THEN s.adjustments ELSE 0 END," \
	" adjusted_at = coalesce(excluded.adjusted_at, s.adjusted_at), level = excluded.level, level_at = excluded.level_at"

#define BY "(d.doubt ->> 'to')::numeric - (d.doubt ->> 'from')::numeric"

static BcdStatement add_adjusted = {
	"INSERT INTO bcdelta.stock_level AS s (feed, key, first, since, adjusted, adjustments, adjusted_at, level, level_at)"
	" SELECT $1, d.key, (d.doubt ->> 'from')::numeric, clock_timestamp(), " BY ", 1, clock_timestamp(),"
	" (d.doubt ->> 'level')::numeric + " BY ", CASE WHEN d.doubt ->> 'level' IS NOT NULL THEN clock_timestamp() END"
	" FROM unnest($2, $3) AS d(key, doubt) WHERE d.doubt ->> 'from' IS NOT NULL AND d.doubt ->> 'to' IS NOT NULL" ADD,
	3, {TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};

/* The store has taken these adjustments (jsonb[], as in bcdelta.link.doubt) of rows of a feed (text[]). */
void
bcd_stock_adjusted(const char *feed, Datum keys, Datum doubts)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys, doubts};

	(void) bcd_execute(&add_adjusted, args, NULL);
}

static BcdStatement add_settled = {
	"INSERT INTO bcdelta.stock_level AS s (feed, key, first, since, adjusted, adjustments, adjusted_at)"
	" SELECT d.feed, d.key, (d.doubt ->> 'from')::numeric, clock_timestamp(), " BY ", 1, clock_timestamp() FROM bcdelta.link AS d"
	" WHERE d.feed = $1 AND ($2 IS NULL OR d.key = $2) AND d.doubt ->> 'from' IS NOT NULL AND d.doubt ->> 'to' IS NOT NULL"
	" AND NOT EXISTS (SELECT FROM bcdelta.pending AS p WHERE p.feed = $1 AND p.key = d.key AND p.state = 'in_flight')" ADD,
	2, {TEXTOID, TEXTOID}
};

/*
 * Somebody is about to say that what is in doubt was done, of a row or, with
 * key NULL, of all rows of a feed.
 */
void
bcd_stock_settled(const char *feed, const char *key)
{
	char		nulls[] = "  ";
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(key, &nulls[1]);
	(void) bcd_execute(&add_settled, args, nulls);
}

/* What was adjusted a moment ago is not shown yet. */
static BcdStatement add_seen = {
	"INSERT INTO bcdelta.stock_level AS s (feed, key, first, since, adjusted, adjustments, level, level_at)"
	" SELECT $1, n.key, (l.payload ->> $2)::numeric, clock_timestamp(), 0, 0, n.level, clock_timestamp()"
	" FROM unnest($3, $4) AS n(key, level) CROSS JOIN LATERAL ("
	"  SELECT o.payload FROM bcdelta.link AS o WHERE o.feed = $1 AND o.key = n.key LIMIT 1) AS l"
	" WHERE l.payload ->> $2 IS NOT NULL" ADD
	" WHERE s.adjusted_at IS NULL OR s.adjusted_at < clock_timestamp() - interval '10 seconds'",
	4, {TEXTOID, TEXTOID, TEXTARRAYOID, NUMERICARRAYOID}
};

/* The store was seen with these levels (numeric[]) of rows of a feed (text[]). */
void
bcd_stock_seen(const char *feed, const char *field, Datum keys, Datum levels)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(field), keys, levels};

	(void) bcd_execute(&add_seen, args, NULL);
}

static BcdStatement delete_levels = {
	"DELETE FROM bcdelta.stock_level WHERE feed = $1", 1, {TEXTOID}
};

/* A feed goes, or its quantities are set again. */
void
bcd_stock_levels_delete(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&delete_levels, &arg, NULL);
}
