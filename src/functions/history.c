/*
 * history.c
 *		bcdelta.history(): what happened to a row.
 *
 * Whoever may act for the feed's owner may ask, and whoever may read the tables
 * that the answer comes from.  The latter may also ask about feeds that no
 * longer exist, because results outlive them.  The former do not see what
 * happened to a feed of that name before, if it belonged to somebody else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "functions/args.h"
#include "tables/feed_owner.h"
#include "tables/result_history.h"

PG_FUNCTION_INFO_V1(bcdelta_history);

typedef struct Spelling
{
	const char *feed;
	const char *key;
	char	   *spelled;
} Spelling;

static void
spell(void *arg)
{
	Spelling   *s = arg;
	BcdFeed    *feed = bcd_feed_load(s->feed, false);

	s->spelled = bcd_key_given(feed, s->key);
}

/*
 * Returns a key as results have it.  That takes the source table; if it is gone
 * or broken, the key is looked for as it was given.
 */
static const char *
key_of(const char *feed, const char *key)
{
	Spelling	spelling = {feed, key, NULL};

	return bcd_attempt(spell, &spelling) == NULL && spelling.spelled ? spelling.spelled : key;
}

/* bcdelta.history(feed, key) */
Datum
bcdelta_history(PG_FUNCTION_ARGS)
{
	const char *name = bcd_arg_text(fcinfo, 0);
	const char *key = bcd_arg_text(fcinfo, 1);
	bool		reader = bcd_history_readable(GetUserId());
	BcdFeed    *feed = bcd_feed_read(name, reader);
	TimestampTz since = DT_NOBEGIN;
	BcdRights	rights;
	BcdRows		rows;
	uint64		n;
	uint64		i;

	if (!reader)
		bcd_feed_check_owner(feed, "read the history of");
	if (feed)
		key = key_of(name, key);
	bcd_rows_begin(fcinfo, &rows);
	bcd_spi_begin(&rights);
	if (!reader)
		since = bcd_feeds_owned_since(list_make1(unconstify(char *, name)));
	n = bcd_history(name, feed ? feed->feed_id : 0, key, since);
	for (i = 0; i < n; i++)
	{
		Datum		values[BCD_HISTORY_COLUMNS];
		bool		nulls[BCD_HISTORY_COLUMNS];

		bcd_history_row(i, values, nulls);
		bcd_rows_put(&rows, values, nulls);
	}
	bcd_spi_end(&rights);
	/* nothing is known of a feed of that name: it is probably misspelled */
	if (feed == NULL && n == 0)
		(void) bcd_feed_read(name, false);
	return (Datum) 0;
}
