/*
 * trouble.c
 *		Finds rows of a feed that no push can send.
 *
 * A row that refers to another row waits until that row is in the store. It
 * waits forever if the other row will never be pushed, or if the two wait for
 * each other. The status view has to report this quickly, so this code follows
 * the references of a limited number of rows, using indexes, and reports one
 * example. Further examples appear once the rows before them are in the store.
 *
 * A mapping is only parsed here: planning it could run its functions, which a
 * user who reads the status has not asked for.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "base/db.h"
#include "feed/feed.h"
#include "functions/trouble.h"
#include "tables/feed.h"
#include "tables/pending.h"

/* Rows whose references are followed, and steps in total */
#define MAX_ROWS		200
#define MAX_STEPS		500

/* Longest chain that is searched for a circle */
#define MAX_CHAIN		50

/* How long status waits for a lock on a table */
#define LOCK_PATIENCE	"100ms"

/* Keys in messages are cut to this many bytes */
#define KEY_BYTES		60

/* A row of a feed */
typedef struct BcdTroubleRow
{
	char	   *feed;
	char	   *key;
} BcdTroubleRow;

static bool
is_same_row(const BcdTroubleRow *a, const BcdTroubleRow *b)
{
	return strcmp(a->feed, b->feed) == 0 && strcmp(a->key, b->key) == 0;
}

/* Returns a key as shown in messages. */
static char *
short_key(const char *key)
{
	int			len = strlen(key);

	if (len <= KEY_BYTES)
		return pstrdup(key);
	return psprintf("%.*s...", pg_mbcliplen(key, len, KEY_BYTES), key);
}

static char *
place_text(const BcdFeed *feed, const BcdTroubleRow *place)
{
	if (strcmp(place->feed, feed->name) == 0)
		return psprintf("row %s", short_key(place->key));
	return psprintf("row %s of feed \"%s\"", short_key(place->key), place->feed);
}

/*
 * Describes a circle: the rows starting at "from" wait for each other, the
 * last one for the first.
 */
static char *
circle_text(const BcdFeed *feed, const BcdTroubleRow *chain, int from, int n)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	appendStringInfoString(&text, "rows refer to each other, so none of them can be the first: ");
	for (i = from; i < n; i++)
		appendStringInfo(&text, "%s -> ", place_text(feed, &chain[i]));
	appendStringInfo(&text, "%s; push them without one of these references, then set that reference",
					 place_text(feed, &chain[from]));
	return text.data;
}

/*
 * Describes a chain that leads to a row which will not be pushed: which row
 * waits, and for what.
 */
static char *
dead_end_text(const BcdFeed *feed, const BcdTroubleRow *chain, int n, const char *what)
{
	return psprintf("%s waits%s for %s, %s", place_text(feed, &chain[0]),
					n > 2 ? ", through others," : "", place_text(feed, &chain[n - 1]), what);
}

/*
 * Looks at the row at the end of a chain. Returns a description of a problem,
 * or NULL if there is none or if the chain has become longer.
 */
static char *
look_at_end(const BcdFeed *feed, BcdTroubleRow *chain, int *n)
{
	BcdTroubleRow *end = &chain[*n - 1];
	BcdFeedPlace place;
	char	   *state;

	bcd_feed_place(end->feed, end->key, &place);
	state = place.state;
	if (place.feed_state == NULL)
		return psprintf("rows refer to feed \"%s\", which does not exist, for example %s; track it again, or change the mapping",
						end->feed, place_text(feed, &chain[0]));
	if (place.linked)
		return NULL;
	if (state && strcmp(state, "deferred") == 0)
	{
		chain[*n].feed = place.waits_feed;
		chain[*n].key = place.waits_key;
		if (chain[*n].feed && chain[*n].key)
			*n += 1;
		return NULL;
	}
	if (strcmp(place.feed_state, "paused") == 0)
		return dead_end_text(feed, chain, *n, "a feed that is paused");
	if (state == NULL)
		return dead_end_text(feed, chain, *n,
							 psprintf("which is neither in the store nor about to be pushed: mark it with SELECT bcdelta.mark(%s, %s) if the source has it%s, otherwise correct the reference",
									  quote_literal_cstr(end->feed), quote_literal_cstr(short_key(end->key)),
									  place.filtered ? " and it satisfies the filter" : ""));
	if (strcmp(state, "failed") == 0 || strcmp(state, "review") == 0)
		return dead_end_text(feed, chain, *n, psprintf("which is in state %s: see last_error in bcdelta.pending", state));
	return NULL;
}

/* Follows the references of a row; *steps is the number of steps left. */
static char *
follow(const BcdFeed *feed, BcdTroubleRow *chain, int *steps)
{
	int			n = 2;

	while (n < MAX_CHAIN && --*steps > 0)
	{
		int			before = n;
		char	   *trouble = look_at_end(feed, chain, &n);
		int			i;

		if (trouble || n == before)
			return trouble;
		for (i = 0; i < n - 1; i++)
			if (is_same_row(&chain[i], &chain[n - 1]))
				return circle_text(feed, chain, i, n - 1);
	}
	return NULL;
}

/*
 * Describes, with one example, why deferred rows of a feed are not going to be
 * pushed, or returns NULL if no problem was found.
 */
char *
bcd_trouble_deferred(const BcdFeed *feed)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdDeferred *rows;
	BcdTroubleRow chain[MAX_CHAIN + 1];
	char	   *trouble = NULL;
	int			steps = MAX_STEPS;
	BcdRights	rights;
	int			n;
	int			i;

	bcd_spi_begin(&rights);
	rows = bcd_pending_deferred(feed->name, MAX_ROWS, &n);
	for (i = 0; i < n && trouble == NULL && steps > 0; i++)
	{
		if (rows[i].waits_feed == NULL || rows[i].waits_key == NULL)
			continue;
		chain[0] = (BcdTroubleRow)
		{
			feed->name, rows[i].key
		};
		chain[1] = (BcdTroubleRow)
		{
			rows[i].waits_feed, rows[i].waits_key
		};
		trouble = follow(feed, chain, &steps);
	}
	if (trouble)
		trouble = MemoryContextStrdup(cxt, trouble);
	bcd_spi_end(&rights);
	return trouble;
}

/* Parses and analyzes the statement that reads rows, as the feed's owner. */
static void
analyse(void *arg)
{
	const char *name = arg;
	BcdFeed    *feed;
	BcdRights	rights;
	char	   *sql;

	/* do not wait long for someone who is changing the source's definition */
	(void) set_config_option("lock_timeout", LOCK_PATIENCE, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	feed = bcd_feed_load(name, false);
	bcd_become(&rights, feed->owner, true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	sql = bcd_feed_select(feed, NULL);
	if (SPI_prepare(sql, 0, NULL) == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	SPI_finish();
	bcd_become_again(&rights);
}

/*
 * Describes what is wrong with the mapping of a feed, given its tables as they
 * are now, or returns NULL.
 */
char *
bcd_trouble_mapping(const BcdFeed *feed)
{
	ErrorData  *error = bcd_attempt_undone(analyse, feed->name);

	if (error == NULL || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		return NULL;
	return psprintf("its mapping no longer fits its tables: %s", error->message);
}
